// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/directives.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace heartgate::control {
namespace {

// The list of peers to refuse goes to every endpoint in one frame each (128 KiB at most), and into a queue (64 MiB) for
// all of them at once.
constexpr std::size_t kMostPeers = 500;
constexpr std::size_t kMostPeerAddresses = 16;
constexpr std::size_t kMostListBytes = 16UL << 10U;
constexpr std::size_t kMostBytesForAll = 4UL << 20U;

Explanation of_reason(const v1::Reason& reason) {
    const std::string what = reason.finding().empty() ? "something harmful" : reason.finding();
    const std::string where = reason.path().empty() ? "" : " in " + reason.path();
    switch (reason.code()) {
        case v1::MALWARE_DETECTED:
            return {fmt::format("Malware was found on this machine ({}{}).", what, where),
                    "It is being cleaned; access comes back by itself. Do not open the file."};
        case v1::MALWARE_NOT_CLEANED:
            return {fmt::format("Malware on this machine could not be removed ({}{}).", what, where),
                    "Remove the file by hand or have the machine cleaned; access comes back by itself then."};
        case v1::POTENTIALLY_UNWANTED:
            return {fmt::format("Unwanted software was found on this machine ({}{}).", what, where), "Remove it."};
        case v1::SIGNATURES_STALE:
            return {"The malware signatures of this machine are too old.", "Let the machine update them."};
        case v1::TAMPERING:
            return {"The protection of this machine was interfered with.", "Have the machine checked."};
        case v1::DWELL_TIME:
            return {"This machine was cleaned and is being watched for a moment.",
                    "Wait; access comes back by itself."};
        case v1::DETECTOR_NOT_RUNNING:
            if (!reason.path().empty()) {
                return {fmt::format("New files of this machine are not looked at{}.", where),
                        "Unmount that file system, or have it named under 'exclude' in the agent's configuration."};
            }
            return {"No malware detector is running on this machine.", "Start it again, or restart the machine."};
        case v1::NETWORK_EVIDENCE:
            return {"The network has seen harmful traffic from this machine.", "Have the machine checked."};
        default:
            return {};
    }
}

}  // namespace

Explanation explain(const EndpointRecord& record) {
    if (record.stored.manual_isolation) {
        return {fmt::format("An administrator has isolated this machine: {}", record.stored.manual_reason),
                "Contact the administrator."};
    }
    if (record.decision.cause == CutOffCause::kMissing || record.decision.cause == CutOffCause::kNoHeartbeat) {
        return {"The gateway does not hear this machine's heartbeat.", "Check that the agent is running."};
    }
    if (record.stored.colour == v1::GREEN) return {};
    for (const v1::Reason& reason : record.stored.reasons) {
        if (Explanation explanation = of_reason(reason); !explanation.why.empty()) return explanation;
    }
    if (!record.decision.cut_off()) return {};
    return {fmt::format("The health of this machine is {}.", v1::Colour_Name(record.stored.colour)),
            "Have the machine checked."};
}

Directives::Directives(std::chrono::milliseconds interval, Send send, std::function<void()> wake)
    : interval_{interval}, send_{std::move(send)}, wake_{std::move(wake)} {}

void Directives::mark(EndpointRecord& record) {
    if (marked_.empty()) wake_();
    marked_.insert(&record);
}

void Directives::flush(const std::map<std::uint32_t, std::unique_ptr<EndpointRecord>>& records) {
    if (marked_.empty()) return;
    // Only a marked endpoint can have fallen ill, recovered, or moved; its peers hear of it then, too.
    std::map<std::uint32_t, std::string> refused = refused_peers(records);
    if (refused != refused_) {
        refused_ = std::move(refused);
        for (const auto& [index, record] : records) tell(*record);
    } else {
        for (EndpointRecord* record : marked_) tell(*record);
    }
    marked_.clear();
}

std::map<std::uint32_t, std::string> Directives::refused_peers(
    const std::map<std::uint32_t, std::unique_ptr<EndpointRecord>>& records) {
    const std::size_t most_bytes =
        std::min(kMostListBytes, kMostBytesForAll / std::max<std::size_t>(records.size(), 1));
    std::map<std::uint32_t, std::string> result;
    std::size_t bytes = 0;
    std::size_t peer_count = 0;
    bool cut = false;
    for (const auto& [index, record] : records) {
        if (!record->sick() || record->stored.bindings.empty()) continue;
        std::map<std::string, v1::Peer> peers;  // by MAC
        for (const StoredBinding& binding : record->stored.bindings) {
            v1::Peer& peer = peers[binding.mac];
            if (static_cast<std::size_t>(peer.addresses_size()) >= kMostPeerAddresses) continue;
            peer.add_addresses(binding.address.wire());
        }
        v1::Directive carrier;
        for (auto& [mac, peer] : peers) {
            peer.set_mac(mac);
            *carrier.add_refuse() = peer;
        }
        std::string serialised = carrier.SerializeAsString();
        if (bytes + serialised.size() > most_bytes || peer_count + peers.size() > kMostPeers) {
            cut = true;
            continue;
        }
        bytes += serialised.size();
        peer_count += peers.size();
        result[index] = std::move(serialised);
    }
    if (cut && !list_cut_) {
        spdlog::warn(
            "more machines are cut off than agents can be told of: they are told of {}; the gateway itself "
            "drops the traffic of all of them",
            peer_count);
    }
    list_cut_ = cut;
    return result;
}

void Directives::tell(EndpointRecord& record) {
    if (record.health.stream() == 0) return;
    const v1::Directive message = directive(record);
    std::string bytes = message.SerializeAsString();
    if (bytes == record.last_directive) return;
    record.last_directive = std::move(bytes);
    send_(record.health.stream(), message);
}

v1::Directive Directives::directive(const EndpointRecord& record) const {
    v1::Directive directive;
    directive.set_cut_off(record.decision.cut_off());
    directive.set_rule(record.decision.rule);
    const Explanation explanation = explain(record);
    directive.set_why(explanation.why);
    directive.set_what_to_do(explanation.what_to_do);
    if (!explanation.why.empty()) directive.set_whom_to_call(whom_to_call_);
    directive.set_interval_ms(static_cast<std::uint32_t>(interval_.count()));
    directive.set_self_isolate(record.target.isolated);
    directive.set_presence(record.stored.presence);
    directive.set_colour(record.stored.colour);
    for (const auto& [index, peers] : refused_) {
        if (index != record.stored.index) directive.MergeFromString(peers);
    }
    return directive;
}

}  // namespace heartgate::control
