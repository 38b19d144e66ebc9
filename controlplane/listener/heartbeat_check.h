// SPDX-License-Identifier: Apache-2.0
// Whether a heartbeat keeps the limits that heartbeat.proto and common.proto write down. Whether it is believed (order,
// identity, colour against findings) is heartgated's decision.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace heartgate::v1 {
class Heartbeat;
class EnrolRequest;
class RenewRequest;
}  // namespace heartgate::v1

namespace heartgate::control::listener {

constexpr std::size_t kMaxHeartbeatBytes = 64UL * 1024;

struct Problem {
    std::string cause;    // short and stable, for Refusal.cause and counters: "unknown colour"
    std::string message;  // for the endpoint: field, what was found, what is allowed
};

std::optional<Problem> check_heartbeat(const v1::Heartbeat& heartbeat);
std::optional<Problem> check_enrol(const v1::EnrolRequest& request);
std::optional<Problem> check_renew(const v1::RenewRequest& request);

}  // namespace heartgate::control::listener
