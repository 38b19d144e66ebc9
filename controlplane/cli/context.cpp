// SPDX-License-Identifier: Apache-2.0
#include "controlplane/cli/context.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "controlplane/common/text.h"

namespace heartgate::control::cli {
namespace {

constexpr std::size_t kMaxMessage = 4096;

// What the system says about the socket: 0 if somebody listens there.
int try_socket(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
    path.copy(address.sun_path, path.size());
    const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return errno;
    const int problem =
        connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
    close(descriptor);
    return problem;
}

std::string unreachable(const std::string& path, int problem) {
    const std::string where = fmt::format("cannot reach heartgated at {}: {}", path, std::strerror(problem));
    switch (problem) {
        case EACCES:
            return where + "; run hgctl as root";
        case ENOENT:
            return where + "; start heartgated, or name its socket with --socket";
        case ECONNREFUSED:
            return where + "; start heartgated (systemctl start heartgated)";
        default:
            return where + "; check --socket";
    }
}

}  // namespace

std::shared_ptr<grpc::Channel> Context::channel() const {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(256 * 1024 * 1024);  // flow list: up to 100,000 flows
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    return grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
}

void Context::print_json(const google::protobuf::Message& reply, bool line) const {
    google::protobuf::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    options.always_print_primitive_fields = true;
    options.add_whitespace = !line;
    std::string text;
    if (const auto status = google::protobuf::util::MessageToJsonString(reply, &text, options); !status.ok())
        err << "hgctl: the reply cannot be written as JSON: " << status.ToString() << "\n";
    out << text;
    if (text.empty() || text.back() != '\n') out << "\n";
    out.flush();
}

int Context::fail(const grpc::Status& status, const std::string& what) const {
    const std::string message = clean_text(status.error_message(), kMaxMessage);
    const auto say = [&](const std::string& text, ExitCode code) {
        err << "hgctl: " << text << "\n";
        return static_cast<int>(code);
    };
    switch (status.error_code()) {
        case grpc::StatusCode::UNAVAILABLE:
            if (const int problem = try_socket(socket); problem != 0)
                return say(unreachable(socket, problem), kUnreachable);
            return say(fmt::format("{}: {}", what, message), kUnreachable);
        case grpc::StatusCode::DEADLINE_EXCEEDED:
            return say(fmt::format("{}: heartgated at {} did not answer within 10 seconds; see its log", what, socket),
                       kUnreachable);
        case grpc::StatusCode::UNIMPLEMENTED:
            return say(
                fmt::format("{}: heartgated does not know this request; install the same version of both (hgctl {})",
                            what, HEARTGATE_VERSION),
                kFailed);
        case grpc::StatusCode::NOT_FOUND:
            return say(fmt::format("{}: {}", what, message), kNotFound);
        case grpc::StatusCode::INVALID_ARGUMENT:
            return say(fmt::format("{}: {}", what, message), kInvalid);
        default:
            return say(fmt::format("{}: {}", what, message), kFailed);
    }
}

}  // namespace heartgate::control::cli
