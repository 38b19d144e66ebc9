// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/commands.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <ctime>
#include <filesystem>
#include <iostream>

#include "controlplane/agent/core/text.h"
#include "controlplane/agent/grpc/grpc_enrolment.h"
#include "controlplane/agent/linux/control_socket.h"
#include "controlplane/agent/linux/files.h"
#include "controlplane/agent/linux/machine.h"
#include "controlplane/agent/linux/protection.h"
#include "controlplane/agent/linux/runtime.h"

namespace heartgate::control::agent {
namespace {

int failed(const Error& problem) {
    fmt::print(stderr, "heartgate-agent: {}\n", problem.message);
    return 1;
}

UniqueFd ending_signals() {
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGTERM);
    ::sigaddset(&signals, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread is made
    return UniqueFd{::signalfd(-1, &signals, SFD_CLOEXEC)};
}

}  // namespace

int run_command(const Config& config) {
    const UniqueFd signals = ending_signals();
    if (const auto made = make_private_directory(config.state_directory); !made) return failed(made.error());
    Runtime runtime{config, StateDirectory{config.state_directory}, signals.get()};
    const auto ended = runtime.run();
    return ended ? 0 : failed(ended.error());
}

int check_command(const Config& config) {
    for (const std::string& tree : config.watch) {
        std::error_code failure;
        if (std::filesystem::is_directory(tree, failure)) continue;
        return failed({ErrorKind::kInvalidArgument,
                       fmt::format("watch: {} is no directory; make it, or take it out of the list", tree)});
    }
    if (!config.clamd_socket.empty()) {
        const auto made = ClamdDetector{config.clamd_socket}.signatures_unix_s();
        if (!made) fmt::print(stderr, "heartgate-agent: warning: clamd_socket: {}\n", made.error().message);
    }
    fmt::print("the configuration is valid\n");
    return 0;
}

int enrol_command(const Config& config, const std::string& token, const std::string& token_file) {
    std::string text = token;
    if (text.empty() && token_file == "-") {
        if (!std::getline(std::cin, text)) {
            return failed(
                {ErrorKind::kInvalidArgument, "there is no token on standard input; write it there, in one line"});
        }
    } else if (text.empty()) {
        const auto contents = read_own_file(token_file);
        if (!contents) return failed(contents.error());
        if (!*contents) return failed({ErrorKind::kNotFound, fmt::format("there is no token file {}", token_file)});
        text = **contents;
    }
    if (const auto made = make_private_directory(config.state_directory); !made) return failed(made.error());
    const StateDirectory state_directory{config.state_directory};
    const auto key = state_directory.key();
    if (!key) return failed(key.error());
    const EnrolmentFacts facts{config.host.empty() ? host_name() : config.host, machine_id(), std::time(nullptr)};
    GrpcEnrolment transport;
    const auto identity = enrol(text, *key, config.gateways, facts, transport);
    if (!identity) return failed(identity.error());
    if (const auto saved = state_directory.write_identity(*identity); !saved) return failed(saved.error());
    fmt::print("enrolled; the certificate is in {}\n", config.state_directory);
    return 0;
}

int rescan_command(const Config& config) {
    heartgate::agent::v1::ControlRequest request;
    request.mutable_rescan();
    const auto reply = ask_agent(config.control_socket, request);
    if (!reply) return failed(reply.error());
    fmt::print("looks at open findings and at all that is watched again; `heartgate-agent status` shows the result\n");
    return 0;
}

int scan_command(const Config& config, const std::string& path) {
    const FileScanner scanner = make_scanner(config);
    bool all_clean = true;
    const auto look_at = [&](const std::string& file) {
        const auto found = scanner.scan(Place::at(file), Depth::kAll);
        if (!found) fmt::print(stderr, "heartgate-agent: {}\n", printable_text(found.error().message));
        if (found && *found) fmt::print("{}: {} ({})\n", printable_text(file), (*found)->finding, (*found)->detector);
        all_clean = all_clean && found && !*found;
    };
    std::error_code failure;
    const auto whole = std::filesystem::canonical(path, failure);
    if (failure) return failed({ErrorKind::kNotFound, fmt::format("cannot scan {}: {}", path, failure.message())});
    if (!std::filesystem::is_directory(whole)) {
        look_at(whole.string());
        return all_clean ? 0 : 1;
    }
    constexpr auto kOptions = std::filesystem::directory_options::skip_permission_denied;
    std::filesystem::recursive_directory_iterator entry{whole, kOptions, failure};
    for (const std::filesystem::recursive_directory_iterator end; !failure && entry != end; entry.increment(failure)) {
        std::error_code gone;
        if (entry->is_regular_file(gone) && !entry->is_symlink(gone)) look_at(entry->path().string());
    }
    return all_clean && !failure ? 0 : 1;
}

}  // namespace heartgate::control::agent
