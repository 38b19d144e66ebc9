// SPDX-License-Identifier: Apache-2.0
// What crosses from heartgated to the dataplane through the health ring and the sync ring: 64-byte messages by value.
// A message that was torn by a killed producer, or belongs to an earlier incarnation, is skipped by the consumer.
// Health ring: endpoint states, and bindings once END_OF_SYNC has been acknowledged. Sync ring: the full state of a new
// incarnation, all its bindings up to then, and END_OF_SYNC.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace heartgate::contract {

// Grows whenever anything in this folder changes its layout or meaning.
inline constexpr std::uint32_t kContractVersion = 4;

enum class MessageType : std::uint8_t {
    kEndpointState = 1,  // `endpoint` has `state`; ignored if either ring has brought it a later state or removal
    kBind = 2,           // `mac` and `address` belong to `endpoint` from now on (moves an older binding)
    kUnbind = 3,         // `mac` and `address` belong to nobody any more
    kRemove = 4,         // `endpoint` no longer exists; its bindings go, its slot may be reused
    kEndOfSync = 5,      // sync ring only: everything was sent; endpoints and bindings that this incarnation did not
                         // mention go; acknowledged by SharedState::synced_incarnation
};

// heartgated fills the fields; the dataplane only reads. Unused fields are zero.
struct alignas(64) HealthMessage {
    std::uint32_t incarnation = 0;  // of the producer, from AttachReply
    std::uint32_t endpoint = 0;     // index in the endpoint table, from 1
    std::uint64_t sequence = 0;     // from 1, grows with each message of an incarnation, one counter over both rings:
                                    // a ring sees gaps
    std::uint64_t received_ns = 0;  // CLOCK_MONOTONIC when the causing heartbeat's last byte was read; 0: none
    std::uint8_t type = 0;          // MessageType
    std::uint8_t state = 0;         // EndpointWord::encode
    std::array<std::uint8_t, 6> mac{};       // zero: the address alone (a routed zone)
    std::array<std::uint8_t, 16> address{};  // IPv6, or IPv4 as ::ffff:a.b.c.d
    std::uint32_t reserved = 0;
    std::uint32_t checksum = 0;  // of all bytes before it
};
static_assert(sizeof(HealthMessage) == 64 && std::is_trivially_copyable_v<HealthMessage>);
static_assert(offsetof(HealthMessage, checksum) == 52);

// FNV-1a over the bytes before the checksum: finds torn messages; it is no protection against a hostile writer, who
// would need write access to the hugepages.
[[nodiscard]] inline std::uint32_t checksum(const HealthMessage& message) {
    std::array<std::uint8_t, offsetof(HealthMessage, checksum)> bytes;
    std::memcpy(bytes.data(), &message, bytes.size());
    std::uint32_t hash = 2166136261U;
    for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 16777619U;
    return hash;
}

}  // namespace heartgate::contract
