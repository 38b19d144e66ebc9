// SPDX-License-Identifier: Apache-2.0
// hgctl flow list | show | count
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/noun.h"
#include "controlplane/common/ip_network.h"
#include "heartgate/v1/flow.grpc.pb.h"

namespace heartgate::control::cli {
namespace {

using Service = v1::FlowService;

struct Arguments {
    std::uint32_t limit = 1000;
    std::string id;
    v1::FlowFilter filter;
};

std::string rule_text(const v1::Flow& flow) {
    if (!flow.rule_name().empty()) return flow.rule_name();
    return flow.rule() == 0 ? "everything else" : fmt::format("{}", flow.rule());
}

Cell verdict_cell(const v1::Flow& flow) {
    if (!flow.dropping()) return {"passes", Style::kGreen};
    return {flow.drop_reason().empty() ? "dropped" : "dropped: " + flow.drop_reason(), Style::kRed};
}

std::string translation_text(const v1::Flow& flow) {
    return flow.translated_source().empty() ? "-" : socket_text(flow.translated_source(), flow.translated_port());
}

void print_flows(const Context& context, const v1::ListFlowsResponse& reply) {
    Table table(
        {"ID", "PROTOCOL", "SOURCE", "DESTINATION", "TRANSLATED TO", "STATE", "RULE", "TRAFFIC", "IDLE", "EXPIRES IN"});
    for (const v1::Flow& flow : reply.flows()) {
        table.add({flow.id(), protocol_text(flow.protocol()), socket_text(flow.source(), flow.source_port()),
                   socket_text(flow.destination(), flow.destination_port()), translation_text(flow), flow.state(),
                   rule_text(flow), verdict_cell(flow), duration_text(flow.idle_s()),
                   duration_text(flow.expires_in_s())});
    }
    table.print(context.out, context.colours);
    if (reply.truncated()) context.err << "hgctl: there are more flows; raise --limit or narrow with a filter\n";
}

std::string side_text(const std::string& address, std::uint32_t port, const std::string& zone,
                      const std::string& host) {
    return fmt::format("{} on {}{}", socket_text(address, port), zone, host.empty() ? "" : ", " + host);
}

void print_flow(const Context& context, const v1::Flow& flow) {
    Sheet sheet;
    sheet.add("Flow", flow.id());
    sheet.add("Protocol", protocol_text(flow.protocol()));
    sheet.add("Source", side_text(flow.source(), flow.source_port(), flow.from_zone(), flow.source_host()));
    sheet.add("Destination",
              side_text(flow.destination(), flow.destination_port(), flow.to_zone(), flow.destination_host()));
    sheet.add("Translated to", translation_text(flow));
    if (flow.vlan() != 0) sheet.add("VLAN", fmt::format("{}", flow.vlan()));
    sheet.add("State", flow.state());
    sheet.add("Rule", rule_text(flow));
    sheet.add("Traffic", verdict_cell(flow));
    sheet.add("Age", duration_text(flow.age_s()));
    sheet.add("Idle", duration_text(flow.idle_s()));
    sheet.add("Expires in", duration_text(flow.expires_in_s()));
    sheet.add("Worker", fmt::format("{}", flow.worker()));
    sheet.print(context.out, context.colours);
}

void print_count(const Context& context, const v1::CountFlowsResponse& reply) {
    Table table({"PROTOCOL", "STATE", "FLOWS", "DROPPED"});
    std::uint64_t dropping = 0;
    for (const v1::FlowGroup& group : reply.groups()) {
        table.add({protocol_text(group.protocol()), group.state(), fmt::format("{}", group.flows()),
                   fmt::format("{}", group.dropping())});
        dropping += group.dropping();
    }
    table.add({"all", "", fmt::format("{}", reply.flows()), fmt::format("{}", dropping)});
    table.print(context.out, context.colours);
}

int list(const Context& context, const Arguments& arguments) {
    v1::ListFlowsRequest request;
    request.set_limit(arguments.limit);
    *request.mutable_filter() = arguments.filter;
    const auto stub = Service::NewStub(context.channel());
    return call(context, "flow list", &Service::Stub::List, *stub, request,
                [&](const v1::ListFlowsResponse& reply) -> int {
                    if (!context.json) print_flows(context, reply);
                    return kOk;
                });
}

int show(const Context& context, const Arguments& arguments) {
    v1::GetFlowRequest request;
    request.set_id(arguments.id);
    const auto stub = Service::NewStub(context.channel());
    return call(context, "flow show", &Service::Stub::Get, *stub, request, [&](const v1::Flow& flow) -> int {
        if (!context.json) print_flow(context, flow);
        return kOk;
    });
}

int count(const Context& context, const Arguments& arguments) {
    v1::CountFlowsRequest request;
    *request.mutable_filter() = arguments.filter;
    const auto stub = Service::NewStub(context.channel());
    return call(context, "flow count", &Service::Stub::Count, *stub, request,
                [&](const v1::CountFlowsResponse& reply) -> int {
                    if (!context.json) print_count(context, reply);
                    return kOk;
                });
}

void add_filter(CLI::App& verb, v1::FlowFilter& filter) {
    const CLI::Validator network{[](const std::string& text) {
                                     return IpNetwork::from_text(text)
                                                ? std::string{}
                                                : fmt::format(
                                                      "'{}' is neither an address nor a network such as "
                                                      "10.20.0.0/24",
                                                      text);
                                 },
                                 "NETWORK"};
    const std::map<std::string, unsigned> protocols{{"icmp", 1}, {"tcp", 6}, {"udp", 17}, {"icmpv6", 58}};
    const auto word = [&](const char* name, std::string* value, const char* help) {
        return verb.add_option(name, *value, help);
    };
    word("--endpoint", filter.mutable_endpoint(), "from or to this one: host name or UUID");
    word("--source", filter.mutable_source(), "opened by this address or network")->check(network);
    word("--destination", filter.mutable_destination(), "opened to this address or network")->check(network);
    word("--address", filter.mutable_address(), "from, to or translated to this address or network")->check(network);
    verb.add_option_function<unsigned>(
            "--protocol", [&filter](unsigned value) { filter.set_protocol(value); },
            "tcp, udp, icmp, icmpv6 or a number")
        ->transform(CLI::CheckedTransformer(protocols, CLI::ignore_case) | CLI::Range(1, 255));
    verb.add_option_function<std::uint32_t>(
            "--port", [&filter](std::uint32_t value) { filter.set_port(value); },
            "the source's, the destination's or the translated one")
        ->check(CLI::Range(1, 65'535));
    word("--state", filter.mutable_state(), "new, established or closing")
        ->check(CLI::IsMember({"new", "established", "closing"}));
    word("--rule", filter.mutable_rule(), "decided by this rule: name or number; 0: by none");
    word("--verdict", filter.mutable_verdict(), "passes or dropped")->check(CLI::IsMember({"passes", "dropped"}));
}

}  // namespace

void add_flow_commands(CLI::App& app, Context& context) {
    Noun<Arguments> noun(app, context, "flow", "connections through the gateway",
                         "hgctl flow list --endpoint adserver --protocol tcp");
    Arguments& arguments = noun.arguments();
    CLI::App& list_verb = noun.verb("list", "flows with their verdict; all filters that are given must hold",
                                    "hgctl flow list --source 10.10.0.0/24 --port 443 --state established", list);
    add_filter(list_verb, arguments.filter);
    list_verb.add_option("--limit", arguments.limit, "at most so many")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    noun.verb("show", "all that is known about one flow", "hgctl flow show 3b0012d687", show)
        .add_option("id", arguments.id, "as flow list shows it")
        ->required();
    add_filter(noun.verb("count", "how many flows, by protocol and state", "hgctl flow count --verdict dropped", count),
               arguments.filter);
}

}  // namespace heartgate::control::cli
