// SPDX-License-Identifier: Apache-2.0
// hgctl endpoint list | show | isolate | release | remove
#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <set>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/noun.h"
#include "heartgate/v1/endpoint.grpc.pb.h"

namespace heartgate::control::cli {
namespace {

using Service = v1::EndpointService;

// Each address once; "-" if there is none.
template <typename Text>
std::string join_bindings(const v1::Endpoint& endpoint, Text&& text) {
    std::set<std::string> seen;
    std::string joined;
    for (const v1::Binding& binding : endpoint.bindings()) {
        std::string item = text(binding);
        if (seen.insert(item).second) joined += (joined.empty() ? "" : ", ") + item;
    }
    return joined.empty() ? "-" : joined;
}

std::string addresses(const v1::Endpoint& endpoint) {
    return join_bindings(endpoint, [](const v1::Binding& binding) { return address_text(binding.address()); });
}

std::string macs(const v1::Endpoint& endpoint) {
    return join_bindings(endpoint, [](const v1::Binding& binding) { return mac_text(binding.mac()); });
}

Cell access_cell(const v1::Endpoint& endpoint) {
    if (endpoint.isolated()) return {"isolated", Style::kRed};
    if (endpoint.cut_off()) return {"cut off", Style::kYellow};
    return {"passes", Style::kGreen};
}

void print_list(const Context& context, const v1::ListEndpointsResponse& reply) {
    Table table(
        {"NAME", "USER", "HEALTH", "PRESENCE", "TRAFFIC", "IP", "MAC", "SINCE", "LAST HEARTBEAT", "REASON", "ID"});
    const std::int64_t now = unix_now_ms();
    for (const v1::Endpoint& endpoint : reply.endpoints()) {
        std::string reasons;
        for (const v1::Reason& reason : endpoint.reasons())
            reasons += (reasons.empty() ? "" : ", ") + v1::ReasonCode_Name(reason.code());
        if (!endpoint.manual_reason().empty())
            reasons += fmt::format("{}by hand: {}", reasons.empty() ? "" : ", ", endpoint.manual_reason());
        table.add({endpoint.host(), endpoint.user().empty() ? "-" : endpoint.user(), colour_cell(endpoint.colour()),
                   presence_cell(endpoint.presence()), access_cell(endpoint), addresses(endpoint), macs(endpoint),
                   time_text(endpoint.since_unix_ms()), age_text(endpoint.last_heartbeat_unix_ms(), now),
                   reasons.empty() ? "-" : reasons, endpoint.id()});
    }
    if (table.empty())
        context.err << "hgctl: no endpoint matches; 'hgctl token create' makes a token with which one can enrol\n";
    else
        table.print(context.out, context.colours);
}

void print_endpoint(const Context& context, const v1::Endpoint& endpoint) {
    const std::int64_t now = unix_now_ms();
    Sheet sheet;
    sheet.add("Name", endpoint.host());
    sheet.add("Id", endpoint.id());
    sheet.add("User", endpoint.user());
    sheet.add("Health", colour_cell(endpoint.colour()));
    if (endpoint.unprotected()) sheet.add("Protection", {"the built-in matcher alone", Style::kYellow});
    sheet.add("Presence", presence_cell(endpoint.presence()));
    sheet.add("Traffic", access_cell(endpoint));
    for (const v1::Reason& reason : endpoint.reasons())
        sheet.add("Reason", reason_text(reason) +
                                (reason.since_unix_ms() == 0 ? "" : ", since " + time_text(reason.since_unix_ms())));
    if (!endpoint.manual_reason().empty()) sheet.add("Isolated by hand", endpoint.manual_reason());
    sheet.add("Since", time_text(endpoint.since_unix_ms()));
    sheet.add("Last heartbeat", age_text(endpoint.last_heartbeat_unix_ms(), now));
    sheet.add("Interval", fmt::format("{} ms", endpoint.interval_ms()));
    for (const v1::Binding& binding : endpoint.bindings())
        sheet.add("Address", fmt::format("{} {}{}", address_text(binding.address()),
                                         binding.mac().empty() ? "by address alone" : "at " + mac_text(binding.mac()),
                                         binding.zone().empty() ? "" : fmt::format(" ({})", binding.zone())));
    sheet.add("System", endpoint.os());
    sheet.add("Agent", endpoint.agent_version());
    sheet.add("Certificate until", time_text(endpoint.certificate_not_after_unix_s() * 1000));
    sheet.print(context.out, context.colours);
}

// For isolate and release: an answer means that the state is stored (what is not is an error with a sentence of its
// own); whether packets already follow is what a script must know.
int finish_change(const Context& context, const std::string& name, bool applied) {
    if (applied) return kOk;
    context.err
        << "hgctl: " << styled(name, false)
        << ": stored, but no dataplane has applied it yet; it is applied as soon as one is attached (hgctl status)\n";
    return kNotApplied;
}

struct Arguments {
    std::string endpoint;
    std::string reason;
    std::string name;
    std::vector<std::string> colours;
    std::vector<std::string> presences;
    bool yes = false;
    bool force = false;
};

int list(const Context& context, const Arguments& arguments) {
    v1::ListEndpointsRequest request;
    for (const std::string& name : arguments.colours) {
        v1::Colour colour{};
        if (v1::Colour_Parse(name, &colour)) request.add_colours(colour);
    }
    for (const std::string& name : arguments.presences) {
        v1::Presence presence{};
        if (v1::Presence_Parse(name == "NONE" ? "PRESENCE_NONE" : name, &presence)) request.add_presences(presence);
    }
    request.set_name_contains(arguments.name);
    const auto stub = Service::NewStub(context.channel());
    return call(context, "endpoint list", &Service::Stub::List, *stub, request,
                [&](const v1::ListEndpointsResponse& reply) -> int {
                    if (!context.json) print_list(context, reply);
                    return kOk;
                });
}

int show(const Context& context, const Arguments& arguments) {
    v1::GetEndpointRequest request;
    request.set_endpoint(arguments.endpoint);
    const auto stub = Service::NewStub(context.channel());
    return call(context, arguments.endpoint, &Service::Stub::Get, *stub, request,
                [&](const v1::Endpoint& reply) -> int {
                    if (!context.json) print_endpoint(context, reply);
                    return kOk;
                });
}

int isolate(const Context& context, const Arguments& arguments) {
    v1::IsolateRequest request;
    request.set_endpoint(arguments.endpoint);
    request.set_reason(arguments.reason);
    const auto stub = Service::NewStub(context.channel());
    return call(context, arguments.endpoint, &Service::Stub::Isolate, *stub, request,
                [&](const v1::IsolateResponse& reply) {
                    if (!context.json && reply.applied())
                        context.out << fmt::format("{} is isolated (applied after {} us)\n",
                                                   styled(reply.endpoint().host(), false), reply.applied_after_us());
                    return finish_change(context, reply.endpoint().host(), reply.applied());
                });
}

int release(const Context& context, const Arguments& arguments) {
    v1::ReleaseRequest request;
    request.set_endpoint(arguments.endpoint);
    const auto stub = Service::NewStub(context.channel());
    return call(context, arguments.endpoint, &Service::Stub::Release, *stub, request,
                [&](const v1::ReleaseResponse& reply) -> int {
                    const v1::Endpoint& endpoint = reply.endpoint();
                    const std::string name = styled(endpoint.host(), false);
                    if (!reply.was_isolated()) {
                        context.err << "hgctl: " << name << " was not isolated by hand; nothing was taken back\n";
                        return kOk;
                    }
                    if (!context.json && reply.applied())
                        context.out << name
                                    << (endpoint.isolated()
                                            ? ": isolation by hand taken back; still isolated for its health\n"
                                            : " is released\n");
                    return finish_change(context, endpoint.host(), reply.applied());
                });
}

// Who asks, for the log. Whoever may use the socket is root; sudo says who that is.
std::string user() {
    if (const char* sudo = std::getenv("SUDO_USER"); sudo != nullptr) return sudo;
    const passwd* entry = getpwuid(getuid());
    return entry == nullptr ? std::to_string(getuid()) : entry->pw_name;
}

int remove(const Context& context, const Arguments& arguments) {
    if (!arguments.yes) {
        if (isatty(STDIN_FILENO) == 0) {
            context.err << "hgctl: remove needs --yes where nobody can be asked\n";
            return kUsage;
        }
        context.err << "Remove " << styled(arguments.endpoint, false)
                    << "? It needs a new token to come back. Type yes: " << std::flush;
        std::string answer;
        if (!std::getline(std::cin, answer) || answer != "yes") {
            context.err << "hgctl: nothing was removed\n";
            return kFailed;
        }
    }
    v1::RemoveEndpointRequest request;
    request.set_endpoint(arguments.endpoint);
    request.set_force(arguments.force);
    request.set_by(user());
    const auto stub = Service::NewStub(context.channel());
    return call(context, arguments.endpoint, &Service::Stub::Remove, *stub, request,
                [&](const v1::RemoveEndpointResponse& reply) {
                    if (!context.json && reply.applied())
                        context.out << styled(reply.endpoint().host(), false)
                                    << " is removed, its certificate is revoked and its addresses are free\n";
                    return finish_change(context, reply.endpoint().host(), reply.applied());
                });
}

}  // namespace

void add_endpoint_commands(CLI::App& app, Context& context) {
    Noun<Arguments> noun(app, context, "endpoint", "machines behind the gateway",
                         "hgctl endpoint list --health YELLOW,RED");
    Arguments& arguments = noun.arguments();
    CLI::App& list_verb = noun.verb("list", "all endpoints, by name", "hgctl endpoint list --presence MISSING", list);
    list_verb.add_option("--health", arguments.colours, "only these: GREEN, YELLOW, RED")
        ->delimiter(',')
        ->check(CLI::IsMember({"GREEN", "YELLOW", "RED"}));
    list_verb.add_option("--presence", arguments.presences, "only these: CONNECTED, MISSING, ASLEEP, NONE")
        ->delimiter(',')
        ->check(CLI::IsMember({"CONNECTED", "MISSING", "ASLEEP", "NONE"}));
    list_verb.add_option("--name", arguments.name, "only those whose host or user contains this");

    constexpr auto kWhich = "host name or UUID";
    noun.verb("show", "everything about one endpoint", "hgctl endpoint show adserver", show)
        .add_option("ENDPOINT", arguments.endpoint, kWhich)
        ->required();
    CLI::App& isolate_verb =
        noun.verb("isolate", "cut an endpoint off from everything but the allowed list, until released",
                  "hgctl endpoint isolate adserver --reason 'beaconing, ticket 4711'", isolate);
    isolate_verb.add_option("ENDPOINT", arguments.endpoint, kWhich)->required();
    isolate_verb.add_option("--reason", arguments.reason, "shown to its user and kept in the log, at most 255 bytes")
        ->required();
    noun.verb("release", "take an isolation by hand back; an endpoint whose health isolates it stays isolated",
              "hgctl endpoint release adserver", release)
        .add_option("ENDPOINT", arguments.endpoint, kWhich)
        ->required();
    CLI::App& remove_verb =
        noun.verb("remove", "forget an endpoint and revoke its certificate; to come back it needs a token",
                  "hgctl endpoint remove adserver --yes", remove);
    remove_verb.add_option("ENDPOINT", arguments.endpoint, kWhich)->required();
    remove_verb.add_flag("--yes", arguments.yes, "do not ask");
    remove_verb.add_flag("--force", arguments.force, "also if it is isolated or RED, which frees the machine");
}

}  // namespace heartgate::control::cli
