// SPDX-License-Identifier: Apache-2.0
// hgctl event list | follow
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/noun.h"
#include "heartgate/v1/event.grpc.pb.h"

namespace heartgate::control::cli {
namespace {

using Service = v1::EventService;

struct Arguments {
    std::uint32_t limit = 100;
    std::uint32_t last = 10;
    std::string endpoint;
};

std::string kind_text(const v1::Event& event) {
    return v1::EventKind_IsValid(event.kind()) ? v1::EventKind_Name(event.kind())
                                               : fmt::format("{}", static_cast<int>(event.kind()));
}

// The colour in which an event is shown: what it says about the endpoint, if anything.
Style event_style(const v1::Event& event) {
    switch (event.kind()) {
        case v1::COLOUR_CHANGED:
            return colour_cell(event.colour()).style;
        case v1::PRESENCE_CHANGED:
            return presence_cell(event.presence()).style;
        case v1::ISOLATED:
        case v1::SPOOF:
        case v1::OWN_MAC:
        case v1::ROGUE_ROUTER:
        case v1::WORKER_STALLED:
        case v1::DATAPLANE_LOST:
            return Style::kRed;
        case v1::RELEASED:
        case v1::WORKER_RECOVERED:
            return Style::kGreen;
        default:
            return Style::kPlain;
    }
}

// Columns of fixed width: a line that is shown now cannot wait for those that come later.
void print_event(const Context& context, const v1::Event& event) {
    const std::string kind = kind_text(event);
    context.out << time_text(event.unix_ms()) << "  " << styled({kind, event_style(event)}, context.colours)
                << std::string(kind.size() < 20 ? 20 - kind.size() : 1, ' ');
    if (!event.host().empty()) context.out << styled(event.host(), false) << ": ";
    context.out << styled(event.text(), false) << std::endl;
}

int list(const Context& context, const Arguments& arguments) {
    v1::ListEventsRequest request;
    request.set_limit(arguments.limit);
    request.set_endpoint(arguments.endpoint);
    const auto stub = Service::NewStub(context.channel());
    return call(context, arguments.endpoint.empty() ? "event list" : arguments.endpoint, &Service::Stub::List, *stub,
                request, [&](const v1::ListEventsResponse& reply) -> int {
                    if (context.json) return kOk;
                    for (const v1::Event& event : reply.events()) print_event(context, event);
                    return kOk;
                });
}

int follow(const Context& context, const Arguments& arguments) {
    v1::FollowEventsRequest request;
    request.set_last(arguments.last);
    const auto stub = Service::NewStub(context.channel());
    grpc::ClientContext client;  // no deadline: until the reader or the gateway ends it
    const auto reader = stub->Follow(&client, request);
    v1::Event event;
    while (reader->Read(&event)) {
        if (context.json)
            context.print_json(event, true);
        else
            print_event(context, event);
        if (!context.out) client.TryCancel();  // nobody reads any more
    }
    const grpc::Status status = reader->Finish();
    if (status.ok() || !context.out) return kOk;
    return context.fail(status, "event follow");
}

}  // namespace

void add_event_commands(CLI::App& app, Context& context) {
    Noun<Arguments> noun(app, context, "event", "what happened", "hgctl event follow");
    Arguments& arguments = noun.arguments();
    CLI::App& list_verb =
        noun.verb("list", "past events, oldest first", "hgctl event list --endpoint adserver --limit 20", list);
    list_verb.add_option("--limit", arguments.limit, "the newest so many")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    list_verb.add_option("--endpoint", arguments.endpoint, "only of this one: host name or UUID");
    noun.verb("follow", "each event as it happens, until interrupted; with --output json one object per line",
              "hgctl event follow --last 0 --output json", follow)
        .add_option("--last", arguments.last, "begin with so many past ones")
        ->check(CLI::Range(0, 1000))
        ->capture_default_str();
}

}  // namespace heartgate::control::cli
