// SPDX-License-Identifier: Apache-2.0
// `heartgate-agent status`: how this machine stands, for its user.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include "controlplane/agent/commands.h"
#include "controlplane/agent/core/text.h"
#include "controlplane/agent/linux/control_socket.h"

namespace heartgate::control::agent {
namespace {

using heartgate::agent::v1::AgentStatus;

std::string time_text(std::int64_t unix_s) {
    return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(static_cast<std::time_t>(unix_s)));
}

std::string reason_text(const v1::Reason& reason) {
    std::string text = v1::ReasonCode_Name(reason.code());
    if (!reason.finding().empty()) text += fmt::format(": {}", printable_text(reason.finding()));
    if (!reason.path().empty()) text += fmt::format(" in {}", printable_text(reason.path()));
    if (reason.since_unix_ms() != 0) text += fmt::format(", since {}", time_text(reason.since_unix_ms() / 1000));
    return text;
}

void line(const char* name, const std::string& text) {
    if (!text.empty()) fmt::print("{:<13}{}\n", name, text);
}

std::string gateway_text(const AgentStatus& status) {
    if (!status.enrolled()) return "not enrolled: run `heartgate-agent enrol --token-file -`";
    if (status.connected()) return fmt::format("{}, connected", status.gateway());
    return fmt::format("{}, not connected{}", status.gateway(),
                       status.connection_error().empty() ? "" : ": " + printable_text(status.connection_error()));
}

void print(const AgentStatus& status) {
    line("colour", v1::Colour_Name(status.colour()));
    for (const v1::Reason& reason : status.reasons()) line("", "  " + reason_text(reason));
    // What the gateway said last may have changed since, not least because it does not hear of this machine.
    const char* last = status.cut_off() ? "yes" : "no";
    line("cut off", status.connected() ? last : fmt::format("not known without the gateway; last heard: {}", last));
    if (status.cut_off()) {
        line("why", printable_text(status.why()));
        line("rule", printable_text(status.rule()));
        line("what to do", printable_text(status.what_to_do()));
        line("call", printable_text(status.whom_to_call()));
    }
    line("gateway", gateway_text(status));
    if (status.connected()) {
        line("accepted",
             fmt::format("{}, {}", v1::Colour_Name(status.accepted_colour()), v1::Presence_Name(status.presence())));
    }
    if (status.refused_addresses() != 0) {
        line("keeps off", fmt::format("{} addresses of sick machines", status.refused_addresses()));
    }
    line("host", printable_text(status.host()));
    line("user", printable_text(status.user()));
    line("interval", fmt::format("{} ms", status.interval_ms()));
    if (status.certificate_not_after_unix_s() != 0) {
        line("certificate", "valid until " + time_text(status.certificate_not_after_unix_s()));
    }
}

}  // namespace

int status_command(const Config& config, bool json) {
    heartgate::agent::v1::ControlRequest request;
    request.mutable_status();
    const auto reply = ask_agent(config.control_socket, request);
    if (!reply) {
        fmt::print(stderr, "heartgate-agent: {}\n", reply.error().message);
        return 1;
    }
    if (!json) {
        print(reply->status());
        return 0;
    }
    google::protobuf::util::JsonPrintOptions options;
    options.add_whitespace = true;
    options.always_print_primitive_fields = true;
    std::string text;
    if (!google::protobuf::util::MessageToJsonString(reply->status(), &text, options).ok()) {
        fmt::print(stderr, "heartgate-agent: the status cannot be written as JSON\n");
        return 1;
    }
    fmt::print("{}", text);
    return 0;
}

}  // namespace heartgate::control::agent
