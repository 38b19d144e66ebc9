// SPDX-License-Identifier: Apache-2.0
// hgctl policy show | check | apply
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/noun.h"
#include "heartgate/v1/policy.grpc.pb.h"

namespace heartgate::control::cli {
namespace {

using Service = v1::PolicyService;

struct Arguments {
    std::string file;
    bool yaml = false;
};

template <typename Items, typename Text>
std::string join(const Items& items, Text&& text) {
    std::string joined;
    for (const auto& item : items) joined += (joined.empty() ? "" : ", ") + text(item);
    return joined.empty() ? "any" : joined;
}

std::string service_text(const v1::Service& service) {
    if (service.port_from() == 0 && service.port_to() == 0) return protocol_text(service.protocol());
    return service.port_from() == service.port_to()
               ? fmt::format("{}/{}", protocol_text(service.protocol()), service.port_from())
               : fmt::format("{}/{}-{}", protocol_text(service.protocol()), service.port_from(), service.port_to());
}

std::string side_text(const std::string& zone, const google::protobuf::RepeatedPtrField<std::string>& networks) {
    const std::string where = zone.empty() ? "any" : zone;
    return networks.empty() ? where : where + " " + join(networks, [](const std::string& network) { return network; });
}

std::string condition_text(const v1::HeartbeatCondition& condition) {
    std::string text;
    if (condition.minimum() == v1::MINIMUM_YELLOW) text = "at least YELLOW";
    if (condition.minimum() == v1::MINIMUM_GREEN) text = "GREEN";
    if (condition.require_heartbeat()) text += text.empty() ? "heartbeat" : ", heartbeat";
    return text.empty() ? "-" : text;
}

Cell action_cell(const v1::Rule& rule) {
    switch (rule.action()) {
        case v1::ACCEPT:
            return {rule.otherwise() == v1::REJECT ? "accept, otherwise reject" : "accept", Style::kGreen};
        case v1::REJECT:
            return {"reject", Style::kRed};
        default:
            return {"drop", Style::kRed};
    }
}

void add_policy(Sheet& sheet, const v1::Policy& policy) {
    sheet.add("Revision", fmt::format("{}", policy.revision()));
    std::string isolate_on;
    for (const int colour : policy.isolate_on())
        isolate_on += (isolate_on.empty() ? "" : ", ") + v1::Colour_Name(static_cast<v1::Colour>(colour));
    sheet.add("Isolates on", isolate_on.empty() ? "-" : isolate_on);
    for (const v1::AllowedDestination& allowed : policy.allowed())
        sheet.add("Always reachable", fmt::format("{} {}", allowed.network(), service_text(allowed.service())));
    for (const v1::PublishedService& published : policy.publish()) {
        sheet.add("Published",
                  fmt::format("{} {}:{} to {}:{}{}", protocol_text(published.protocol()),
                              published.address().empty() ? "WAN" : published.address(), published.port(),
                              published.to(), published.to_port(),
                              published.sources().empty()
                                  ? ""
                                  : " for " + join(published.sources(), [](const auto& one) { return one; })));
    }
    if (!policy.whom_to_call().empty()) sheet.add("Whom to call", policy.whom_to_call());
}

void print_policy(const Context& context, const v1::GetPolicyResponse& reply) {
    Table table({"RULE", "NAME", "FROM", "TO", "SERVICES", "ACTION", "SOURCE MUST BE", "DESTINATION MUST BE"});
    for (const v1::Rule& rule : reply.policy().rules()) {
        table.add({fmt::format("{}", rule.id()), rule.name(), side_text(rule.from_zone(), rule.from_networks()),
                   side_text(rule.to_zone(), rule.to_networks()), join(rule.services(), service_text),
                   action_cell(rule), condition_text(rule.source()), condition_text(rule.destination())});
    }
    table.add({"0", "everything else", "any", "any", "any", {"drop", Style::kRed}, "-", "-"});
    table.print(context.out, context.colours);
    context.out << "\n";
    Sheet sheet;
    if (reply.has_policy())
        add_policy(sheet, reply.policy());
    else
        sheet.add("Revision", {"none is in force: everything is dropped", Style::kRed});
    add_refused_policy(sheet, reply.wanted_revision(), reply.refusal());
    sheet.print(context.out, context.colours);
}

int show(const Context& context, const Arguments& arguments) {
    const auto stub = Service::NewStub(context.channel());
    return call(context, "policy show", &Service::Stub::Get, *stub, v1::GetPolicyRequest(),
                [&](const v1::GetPolicyResponse& reply) -> int {
                    if (context.json) return kOk;
                    if (arguments.yaml)
                        context.out << reply.yaml();
                    else
                        print_policy(context, reply);
                    return kOk;
                });
}

// The whole file, or an exit code after saying what is wrong. "-" is the standard input.
int read_file(const Context& context, const std::string& name, std::string& text) {
    constexpr std::size_t kMaxPolicy = 1024UL * 1024;
    std::ifstream file;
    if (name != "-") {
        errno = 0;
        file.open(name, std::ios::binary);
    }
    std::istream& in = name == "-" ? std::cin : file;
    text.assign(std::istreambuf_iterator<char>(in), {});
    if (!in) {
        context.err << fmt::format("hgctl: cannot read {}: {}\n", name, std::strerror(errno));
        return kFailed;
    }
    if (text.size() > kMaxPolicy) {
        context.err << fmt::format("hgctl: {} has {} bytes; allowed are {}\n", name, text.size(), kMaxPolicy);
        return kInvalid;
    }
    return kOk;
}

void print_warnings(const Context& context, const google::protobuf::RepeatedPtrField<std::string>& warnings) {
    for (const std::string& warning : warnings) context.err << "warning: " << styled(warning, false) << "\n";
}

int check(const Context& context, const Arguments& arguments) {
    v1::CheckPolicyRequest request;
    request.set_file_name(arguments.file);
    if (const int code = read_file(context, arguments.file, *request.mutable_yaml()); code != kOk) return code;
    const auto stub = Service::NewStub(context.channel());
    return call(context, "policy check", &Service::Stub::Check, *stub, request,
                [&](const v1::CheckPolicyResponse& reply) -> int {
                    if (context.json) return kOk;
                    print_warnings(context, reply.warnings());
                    context.out << arguments.file << " is valid\n";
                    return kOk;
                });
}

int apply(const Context& context, const Arguments& arguments) {
    v1::ApplyPolicyRequest request;
    request.set_file_name(arguments.file);
    if (const int code = read_file(context, arguments.file, *request.mutable_yaml()); code != kOk) return code;
    const auto stub = Service::NewStub(context.channel());
    return call(context, "policy apply", &Service::Stub::Apply, *stub, request,
                [&](const v1::ApplyPolicyResponse& reply) -> int {
                    if (!context.json) {
                        print_warnings(context, reply.warnings());
                        if (reply.applied()) context.out << fmt::format("revision {} is in force\n", reply.revision());
                    }
                    if (reply.applied()) return kOk;
                    context.err << fmt::format(
                        "hgctl: revision {} is stored, but no dataplane has applied it yet; it is "
                        "applied as soon as one is attached (hgctl status)\n",
                        reply.revision());
                    return kNotApplied;
                });
}

}  // namespace

void add_policy_commands(CLI::App& app, Context& context) {
    Noun<Arguments> noun(app, context, "policy", "who may reach what, in which health",
                         "hgctl policy apply /etc/heartgate/policy.yaml");
    Arguments& arguments = noun.arguments();
    noun.verb("show", "the policy in force", "hgctl policy show --yaml > policy.yaml", show)
        .add_flag("--yaml", arguments.yaml, "as it was applied, instead of a table");
    noun.verb("check", "validate a file without applying it", "hgctl policy check policy.yaml", check)
        .add_option("FILE", arguments.file, "policy in YAML; - for the standard input")
        ->required();
    noun.verb("apply", "validate a file and put it into force; one that is not valid changes nothing",
              "hgctl policy apply policy.yaml", apply)
        .add_option("FILE", arguments.file, "policy in YAML; - for the standard input")
        ->required();
}

}  // namespace heartgate::control::cli
