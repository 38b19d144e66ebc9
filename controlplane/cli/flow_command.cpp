// SPDX-License-Identifier: Apache-2.0
// hgctl flow list
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/noun.h"
#include "heartgate/v1/statistics.grpc.pb.h"

namespace heartgate::control::cli {
namespace {

struct Arguments {
    std::uint32_t limit = 1000;
    std::string address;
};

std::string rule_text(const v1::Flow& flow) {
    if (!flow.rule_name().empty()) return flow.rule_name();
    return flow.rule() == 0 ? "everything else" : fmt::format("{}", flow.rule());
}

void print_flows(const Context& context, const v1::ListFlowsResponse& reply) {
    Table table(
        {"PROTOCOL", "SOURCE", "DESTINATION", "TRANSLATED TO", "STATE", "RULE", "TRAFFIC", "IDLE", "EXPIRES IN"});
    for (const v1::Flow& flow : reply.flows()) {
        table.add(
            {protocol_text(flow.protocol()), socket_text(flow.source(), flow.source_port()),
             socket_text(flow.destination(), flow.destination_port()),
             flow.translated_source().empty() ? "-" : socket_text(flow.translated_source(), flow.translated_port()),
             flow.state(), rule_text(flow),
             flow.dropping() ? Cell("dropped", Style::kRed) : Cell("passes", Style::kGreen),
             duration_text(flow.idle_s()), duration_text(flow.expires_in_s())});
    }
    table.print(context.out, context.colours);
    if (reply.truncated()) context.err << "hgctl: there are more flows; raise --limit or narrow with --address\n";
}

int list(const Context& context, const Arguments& arguments) {
    v1::ListFlowsRequest request;
    request.set_limit(arguments.limit);
    if (!arguments.address.empty()) {
        const auto bytes = address_bytes(arguments.address);
        if (!bytes) {
            context.err << "hgctl: --address: " << bytes.error().message << "\n";
            return kUsage;
        }
        request.set_address(*bytes);
    }
    const auto stub = v1::StatisticsService::NewStub(context.channel());
    return call(context, "flow list", &v1::StatisticsService::Stub::ListFlows, *stub, request,
                [&](const v1::ListFlowsResponse& reply) -> int {
                    if (!context.json) print_flows(context, reply);
                    return kOk;
                });
}

}  // namespace

void add_flow_commands(CLI::App& app, Context& context) {
    Noun<Arguments> noun(app, context, "flow", "connections through the gateway",
                         "hgctl flow list --address 10.10.0.20");
    Arguments& arguments = noun.arguments();
    CLI::App& verb = noun.verb("list", "flows with their verdict", "hgctl flow list --limit 20", list);
    verb.add_option("--limit", arguments.limit, "at most so many")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    verb.add_option("--address", arguments.address, "only flows from or to this address");
}

}  // namespace heartgate::control::cli
