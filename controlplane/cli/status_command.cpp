// SPDX-License-Identifier: Apache-2.0
// hgctl status
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/format.h"
#include "heartgate/v1/administration.grpc.pb.h"

namespace heartgate::control::cli {
namespace {

void print_status(const Context& context, const v1::StatusResponse& status) {
    Sheet sheet;
    sheet.add("Version", status.version());
    sheet.add("Dataplane", {status.dataplane_state(), status.dataplane_attached() ? Style::kGreen : Style::kRed});
    sheet.add("Listener",
              status.listener_connected() ? Cell("connected", Style::kGreen) : Cell("not connected", Style::kRed));
    sheet.add("Policy", status.policy_revision() == 0 ? Cell("none: everything is dropped", Style::kRed)
                                                      : Cell(fmt::format("revision {}", status.policy_revision())));
    add_refused_policy(sheet, status.policy_wanted_revision(), status.policy_refusal());
    if (status.bindings_without_room() != 0)
        sheet.add("Addresses", {fmt::format("{} have no room in the dataplane, the health of their endpoints is not "
                                            "enforced; raise endpoints.capacity in dataplane.yaml",
                                            status.bindings_without_room()),
                                Style::kRed});
    for (const v1::Zone& zone : status.zones()) {
        if (zone.role() != v1::ZONE_ROLE_ROUTED) continue;
        sheet.add("Zone " + zone.name(),
                  {"routed: machines are known by their IP address alone, which is weaker than by "
                   "MAC and IP address",
                   Style::kYellow});
    }
    sheet.add("Endpoints",
              fmt::format("{} connected, {} warning, {} at risk, {} missing; {} enrolled", status.connected(),
                          status.warning(), status.at_risk(), status.missing(), status.enrolled()));
    sheet.add("Started", fmt::format("{} ({})", time_text(status.started_unix_ms()),
                                     age_text(status.started_unix_ms(), unix_now_ms())));
    sheet.add("CA fingerprint", status.ca_fingerprint());
    sheet.print(context.out, context.colours);
}

}  // namespace

void add_status_command(CLI::App& app, Context& context) {
    CLI::App* status = app.add_subcommand("status", "whether the gateway works, and how its endpoints are");
    status->fallthrough()->footer("Example: hgctl status");
    status->callback([&context] {
        context.command = [&context] {
            const auto stub = v1::AdministrationService::NewStub(context.channel());
            return call(context, "status", &v1::AdministrationService::Stub::Status, *stub, v1::StatusRequest(),
                        [&](const v1::StatusResponse& reply) -> int {
                            if (!context.json) print_status(context, reply);
                            return kOk;
                        });
        };
    });
}

}  // namespace heartgate::control::cli
