// SPDX-License-Identifier: Apache-2.0
// hgctl drop watch
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <vector>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/noun.h"
#include "controlplane/cli/packet_filter.h"
#include "controlplane/cli/stream_call.h"
#include "controlplane/common/ip_network.h"
#include "heartgate/v1/observation.grpc.pb.h"

namespace heartgate::control::cli {
namespace {

using Service = v1::ObservationService;

struct Arguments {
    std::vector<std::string> reasons;
    std::vector<std::string> zones;
    std::string source;
    std::string destination;
    std::string protocol;
    std::uint32_t port = 0;
    std::string filter;
    std::uint32_t rate = 100;
    std::uint64_t count = 0;
};

std::string expression(const Arguments& arguments) {
    std::string text = arguments.filter.empty() ? "" : "(" + arguments.filter + ")";
    const auto also = [&text](const std::string& part) { text += (text.empty() ? "" : " and ") + part; };
    if (!arguments.source.empty()) also("src net " + arguments.source);
    if (!arguments.destination.empty()) also("dst net " + arguments.destination);
    if (!arguments.protocol.empty()) also(arguments.protocol == "icmpv6" ? "icmp6" : arguments.protocol);
    if (arguments.port != 0) also(fmt::format("port {}", arguments.port));
    return text;
}

std::string when(std::int64_t unix_ns) {
    const std::time_t seconds = unix_ns / 1'000'000'000;
    std::tm local{};
    localtime_r(&seconds, &local);
    return fmt::format("{:%H:%M:%S}.{:06}", local, unix_ns % 1'000'000'000 / 1000);
}

std::string end_text(const v1::DroppedPacket& packet, bool source) {
    const std::string& address = source ? packet.source() : packet.destination();
    const std::uint32_t port = source ? packet.source_port() : packet.destination_port();
    const std::string& host = source ? packet.source_host() : packet.destination_host();
    std::string text = port == 0 ? address_text(address) : socket_text(address, port);
    if (!host.empty()) text += " (" + host + ")";
    return text;
}

std::string kind_text(const v1::DroppedPacket& packet) {
    constexpr std::uint32_t kArp = 0x0806;
    if (packet.ether_type() == kArp) return "arp";
    if (packet.source().empty()) return fmt::format("ethertype {:#06x}", packet.ether_type());
    return protocol_text(packet.protocol());
}

void print_packet(const Context& context, const v1::DroppedPacket& packet) {
    if (packet.lost() != 0) context.out << fmt::format("... {} more, not shown\n", packet.lost());
    std::string line = fmt::format("{}  {:<22} {:<5} {:<7} {} > {}  {} bytes, from {}", when(packet.unix_ns()),
                                   packet.reason(), packet.zone(), kind_text(packet), end_text(packet, true),
                                   end_text(packet, false), packet.length(), mac_text(packet.source_mac()));
    if (packet.vlan() != 0) line += fmt::format(", VLAN {}", packet.vlan());
    context.out << styled(line, false) << std::endl;
}

int watch(const Context& context, const Arguments& arguments) {
    const auto filter = compile_filter(expression(arguments));
    if (!filter) {
        context.err << "hgctl: --filter: " << filter.error().message << "\n";
        return kUsage;
    }
    v1::WatchDropsRequest request;
    *request.mutable_filter() = *filter;
    for (const std::string& reason : arguments.reasons) request.add_reasons(reason);
    for (const std::string& zone : arguments.zones) request.add_zones(zone);
    request.set_per_second(arguments.rate);

    grpc::ClientContext client;  // no deadline: until the reader or the gateway ends it
    const CancelOnSignal cancel{client};
    const auto stub = Service::NewStub(context.channel());
    const auto reader = stub->WatchDrops(&client, request);
    v1::DroppedPacket packet;
    std::uint64_t shown = 0;
    bool enough = false;
    while (!enough && reader->Read(&packet)) {
        if (context.json) {
            context.print_json(packet, true);
        } else {
            print_packet(context, packet);
        }
        enough = ++shown == arguments.count || !context.out;
    }
    if (enough) client.TryCancel();
    const grpc::Status status = reader->Finish();
    if (status.ok() || enough || cancel.cancelled()) return kOk;
    return context.fail(status, "drop watch");
}

}  // namespace

void add_drop_commands(CLI::App& app, Context& context) {
    Noun<Arguments> noun(app, context, "drop", "packets that the gateway does not let pass",
                         "hgctl drop watch --reason source-heartbeat");
    Arguments& arguments = noun.arguments();
    CLI::App& verb =
        noun.verb("watch",
                  "dropped packets as they happen, until interrupted; a sample when there are more than --rate. hgctl "
                  "stats counts "
                  "all of them. With --output json one object per line",
                  "hgctl drop watch --reason rule-drop --reason default-drop --source 10.10.0.0/24", watch);
    const CLI::Validator network{[](const std::string& text) {
                                     return IpNetwork::from_text(text)
                                                ? std::string{}
                                                : fmt::format(
                                                      "'{}' is neither an address nor a network such as "
                                                      "10.20.0.0/24",
                                                      text);
                                 },
                                 "NETWORK"};
    verb.add_option("--reason", arguments.reasons, "only these, by the names that hgctl stats shows; can be repeated");
    verb.add_option("--zone", arguments.zones, "only what came from this zone; local: from Linux; can be repeated");
    verb.add_option("--source", arguments.source, "only from this address or network")->check(network);
    verb.add_option("--destination", arguments.destination, "only to this address or network")->check(network);
    verb.add_option("--protocol", arguments.protocol, "tcp, udp, icmp, icmpv6 or arp")
        ->check(CLI::IsMember({"tcp", "udp", "icmp", "icmpv6", "arp"}));
    verb.add_option("--port", arguments.port, "only from or to this port")->check(CLI::Range(1, 65'535));
    verb.add_option("--filter", arguments.filter,
                    "and only what this expression says, as tcpdump's: see pcap-filter(7)");
    verb.add_option("--rate", arguments.rate, "the most of each worker in a second")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    verb.add_option("--count", arguments.count, "end after so many; 0: go on")->capture_default_str();
}

}  // namespace heartgate::control::cli
