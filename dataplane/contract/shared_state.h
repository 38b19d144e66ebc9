// SPDX-License-Identifier: Apache-2.0
// The memzone through which heartgated watches the dataplane, and the names of everything both processes look up.
// Written by the dataplane alone, but for
// the doorbell; heartgated maps it and reads.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "dataplane/contract/doorbell.h"
#include "dataplane/contract/latency_histogram.h"

namespace heartgate::contract {

inline constexpr const char* kHealthRing = "hg_health";
inline constexpr const char* kSyncRing = "hg_sync";
inline constexpr const char* kSharedState = "hg_shared_state";
inline constexpr std::uint32_t kHealthRingSize = 8192;  // messages
inline constexpr std::uint32_t kSyncRingSize = 8192;    // messages

// What transit traffic meets.
enum class DataplaneState : std::uint32_t {
    kStarting = 0,    // ports not up yet
    kWaiting = 1,     // no policy or no END_OF_SYNC since the start: transit is dropped
    kForwarding = 2,  // policy and endpoint states are in force
};

struct alignas(64) SharedState {
    // Written once at start, before `state` leaves kStarting.
    std::uint32_t contract_version = 0;
    std::uint32_t endpoint_capacity = 0;  // indices 1 to capacity - 1
    std::uint64_t started_ns = 0;         // CLOCK_MONOTONIC

    // Writer: health consumer. Readers: heartgated. Own cache line.
    alignas(64) std::atomic<std::uint32_t> state{0};   // DataplaneState
    std::atomic<std::uint32_t> incarnation{0};         // the producer whose messages are consumed
    std::atomic<std::uint64_t> applied_sequence{0};    // every worker acts on all health ring messages up to this one
                                                       // but for those that skipped_messages and failed_binds count
    std::atomic<std::uint64_t> applied_ns{0};          // CLOCK_MONOTONIC when that became so
    std::atomic<std::uint64_t> generation{0};          // of the endpoint table
    std::atomic<std::uint64_t> skipped_messages{0};    // torn, of an old incarnation, or unknown type
    std::atomic<std::uint32_t> synced_incarnation{0};  // the last one whose END_OF_SYNC was applied
    std::atomic<std::uint64_t> failed_binds{0};  // kBind without room: the address belongs to nobody until told again

    // Heartbeat read -> applied (latency_histogram.h). Writer: health consumer. Readers: heartgated.
    alignas(64) std::array<std::atomic<std::uint64_t>, kLatencyBuckets> latency{};
    std::atomic<std::uint64_t> latency_maximum_us{0};

    // By worker. heartgated rings the first one's, who reads the rings.
    std::array<Doorbell, kDoorbells> doorbells{};
};

}  // namespace heartgate::contract
