// SPDX-License-Identifier: Apache-2.0
#include "controlplane/listener/heartbeat_check.h"

#include <fmt/format.h>

#include "heartgate/v1/enrolment.pb.h"
#include "heartgate/v1/heartbeat.pb.h"

namespace heartgate::control::listener {
namespace {

using Result = std::optional<Problem>;

Result at_most(std::string_view field, std::size_t found, std::size_t most, std::string_view unit = "bytes") {
    if (found <= most) return std::nullopt;
    return Problem{"oversized field", fmt::format("{}: {} {}; allowed are at most {}", field, found, unit, most)};
}

Result address(std::string_view field, const std::string& bytes) {
    if (bytes.size() == 4 || bytes.size() == 16) return std::nullopt;
    return Problem{"malformed address", fmt::format("{}: {} bytes; allowed are 4 or 16", field, bytes.size())};
}

// The codes an endpoint may give; those above are the gateway's own.
bool from_agent(v1::ReasonCode code) {
    return code >= v1::MALWARE_DETECTED && code <= v1::UNPROTECTED && v1::ReasonCode_IsValid(code);
}

Result check_reason(const v1::Reason& reason) {
    if (!from_agent(reason.code()))
        return Problem{"unknown reason",
                       fmt::format("reasons.code: {}; allowed are {} to {}", static_cast<int>(reason.code()),
                                   static_cast<int>(v1::MALWARE_DETECTED), static_cast<int>(v1::UNPROTECTED))};
    if (const auto size = reason.sha256().size(); size != 0 && size != 32)
        return Problem{"malformed hash", fmt::format("reasons.sha256: {} bytes; allowed are 32 or none", size)};
    if (auto problem = at_most("reasons.finding", reason.finding().size(), 128)) return problem;
    if (auto problem = at_most("reasons.path", reason.path().size(), 1024)) return problem;
    return at_most("reasons.detector", reason.detector().size(), 32);
}

Result check_interface(const v1::Interface& interface) {
    if (interface.mac().size() != 6)
        return Problem{"malformed address",
                       fmt::format("interfaces.mac: {} bytes; allowed are 6", interface.mac().size())};
    if (auto problem = at_most("interfaces.name", interface.name().size(), 32)) return problem;
    if (auto problem =
            at_most("interfaces.addresses", static_cast<std::size_t>(interface.addresses_size()), 16, "addresses"))
        return problem;
    for (const std::string& bytes : interface.addresses()) {
        if (auto problem = address("interfaces.addresses", bytes)) return problem;
    }
    return std::nullopt;
}

}  // namespace

Result check_heartbeat(const v1::Heartbeat& heartbeat) {
    if (heartbeat.colour() == v1::COLOUR_UNSPECIFIED || !v1::Colour_IsValid(heartbeat.colour()))
        return Problem{"unknown colour",
                       fmt::format("colour: {}; allowed are {} to {}", static_cast<int>(heartbeat.colour()),
                                   static_cast<int>(v1::GREEN), static_cast<int>(v1::RED))};
    constexpr std::uint32_t kLeastInterval = 100;
    constexpr std::uint32_t kMostInterval = 60'000;
    if (heartbeat.interval_ms() < kLeastInterval || heartbeat.interval_ms() > kMostInterval)
        return Problem{"interval out of range", fmt::format("interval_ms: {}; allowed are {} to {}",
                                                            heartbeat.interval_ms(), kLeastInterval, kMostInterval)};
    if (auto problem = at_most("host", heartbeat.host().size(), 255)) return problem;
    if (auto problem = at_most("user", heartbeat.user().size(), 255)) return problem;
    if (auto problem = at_most("agent_version", heartbeat.agent_version().size(), 32)) return problem;
    if (auto problem = at_most("os", heartbeat.os().size(), 64)) return problem;
    if (auto problem = at_most("reasons", static_cast<std::size_t>(heartbeat.reasons_size()), 16, "entries"))
        return problem;
    if (auto problem = at_most("interfaces", static_cast<std::size_t>(heartbeat.interfaces_size()), 32, "entries"))
        return problem;
    for (const v1::Reason& reason : heartbeat.reasons()) {
        if (auto problem = check_reason(reason)) return problem;
    }
    for (const v1::Interface& interface : heartbeat.interfaces()) {
        if (auto problem = check_interface(interface)) return problem;
    }
    return std::nullopt;
}

Result check_enrol(const v1::EnrolRequest& request) {
    if (request.token().empty()) return Problem{"no token", "token: empty; expected is the secret part of a token"};
    if (auto problem = at_most("token", request.token().size(), 128)) return problem;
    if (auto problem = at_most("csr_der", request.csr_der().size(), 4096)) return problem;
    if (auto problem = at_most("host", request.host().size(), 255)) return problem;
    return at_most("machine_id", request.machine_id().size(), 64);
}

Result check_renew(const v1::RenewRequest& request) { return at_most("csr_der", request.csr_der().size(), 4096); }

}  // namespace heartgate::control::listener
