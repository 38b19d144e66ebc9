// SPDX-License-Identifier: Apache-2.0
// hgctl capture
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/packet_filter.h"
#include "controlplane/cli/stream_call.h"
#include "heartgate/v1/observation.grpc.pb.h"

namespace heartgate::control::cli {
namespace {

using Service = v1::ObservationService;

struct Arguments {
    std::string filter;
    std::string file;
    std::vector<std::string> points;
    std::vector<std::string> reasons;
    std::vector<std::string> zones;
    std::uint32_t snap_length = 0;
    std::uint64_t count = 0;
    std::uint32_t seconds = 0;
};

// "-" is the standard output. What packets carry is nobody else's business.
class Output {
public:
    explicit Output(const std::string& name)
        : descriptor_{name == "-" ? dup(STDOUT_FILENO)
                                  : open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)} {}
    ~Output() {
        if (descriptor_ >= 0) close(descriptor_);
    }
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;
    [[nodiscard]] bool open_now() const { return descriptor_ >= 0; }
    [[nodiscard]] bool write(std::string_view bytes) const {
        while (!bytes.empty()) {
            const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(written));
        }
        return true;
    }

private:
    int descriptor_;
};

int fail_file(const Context& context, const Arguments& arguments) {
    context.err << fmt::format("hgctl: {}: {}\n", arguments.file, std::strerror(errno));
    return kFailed;
}

int capture(const Context& context, const Arguments& arguments) {
    const auto filter = compile_filter(arguments.filter);
    if (!filter) {
        context.err << "hgctl: --filter: " << filter.error().message << "\n";
        return kUsage;
    }
    v1::CaptureRequest request;
    *request.mutable_filter() = *filter;
    for (const std::string& point : arguments.points) request.add_points(point);
    for (const std::string& reason : arguments.reasons) request.add_reasons(reason);
    for (const std::string& zone : arguments.zones) request.add_zones(zone);
    request.set_snap_length(arguments.snap_length);
    request.set_count(arguments.count);
    request.set_seconds(arguments.seconds);

    const Output output{arguments.file};
    if (!output.open_now()) return fail_file(context, arguments);
    grpc::ClientContext client;  // no deadline: until count, seconds, or somebody ends it
    const CancelOnSignal cancel{client};
    const auto stub = Service::NewStub(context.channel());
    const auto reader = stub->Capture(&client, request);
    v1::CapturedPackets piece;
    std::uint64_t packets = 0;
    std::uint64_t lost = 0;
    while (reader->Read(&piece)) {
        if (!output.write(piece.pcapng())) {
            const int code = fail_file(context, arguments);
            client.TryCancel();
            reader->Finish();
            return code;
        }
        packets += piece.packets();
        lost = piece.lost();
    }
    const grpc::Status status = reader->Finish();
    context.err << fmt::format("{} packets in {}, {} lost for want of room\n", packets,
                               arguments.file == "-" ? "the standard output" : arguments.file, lost);
    if (status.ok() || cancel.cancelled()) return kOk;
    return context.fail(status, "capture");
}

}  // namespace

void add_capture_command(CLI::App& app, Context& context) {
    const auto arguments = std::make_shared<Arguments>();
    CLI::App* verb = app.add_subcommand(
        "capture",
        "packets as the dataplane gets, sends and drops them, as a pcapng file for Wireshark; a dropped "
        "packet's reason is its comment. Ends with --count, --seconds or an interrupt");
    verb->fallthrough()->footer(
        "Example: hgctl capture --filter 'host 10.10.0.20 and tcp port 443' --write /tmp/desktop.pcapng --seconds 30");
    verb->add_option("--filter", arguments->filter, "only what this expression says, as tcpdump's: see pcap-filter(7)");
    verb->add_option("--write", arguments->file, "the file, overwritten; - for the standard output")->required();
    verb->add_option("--at", arguments->points, "rx, tx, drop; can be repeated; all of them if not given")
        ->check(CLI::IsMember({"rx", "tx", "drop"}));
    verb->add_option("--reason", arguments->reasons, "of dropped packets only these; can be repeated");
    verb->add_option("--zone", arguments->zones, "only in this zone; local: from Linux; can be repeated");
    verb->add_option("--snap-length", arguments->snap_length, "keep so many bytes of a packet, at least 64; 0: all")
        ->check(CLI::Range(0, 65'535))
        ->capture_default_str();
    verb->add_option("--count", arguments->count, "end after so many packets; 0: go on")->capture_default_str();
    verb->add_option("--seconds", arguments->seconds, "end after so long; 0: go on")
        ->check(CLI::Range(0, 86'400))
        ->capture_default_str();
    verb->callback(
        [&context, arguments] { context.command = [&context, arguments] { return capture(context, *arguments); }; });
}

}  // namespace heartgate::control::cli
