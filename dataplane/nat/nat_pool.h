// SPDX-License-Identifier: Apache-2.0
// Source NAT's mappings: (inside address, inside port, protocol) -> (WAN address, port), the same for all destinations
// (endpoint-independent mapping, RFC 4787 REQ-1), shared by reference count. Filtering is the flow keys': an answer
// finds its flow only from the address and port that were asked (address-and-port-dependent filtering).
// Everything is reserved at start. Not thread-safe: the flow table calls it under its insert lock.
#pragma once

#include <array>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <vector>

#include "dataplane/flow/flow_key.h"
#include "dataplane/flow/key_hash.h"
#include "dataplane/nat/host_quota.h"
#include "dataplane/nat/probe_table.h"

namespace heartgate::dataplane {

// The ports that NAT may use, both included. Disjoint from the kernel's net.ipv4.ip_local_port_range, so that Linux
// and NAT never choose the same; the caller checks that at start. ICMP echo identifiers come from the same range.
struct NatPortRange {
    std::uint16_t first = 1024;
    std::uint16_t last = 32767;
    std::uint32_t per_host = 0;  // the most mappings of one inside address; 0: no limit
};

class NatPool {
public:
    static constexpr std::size_t kMostAddresses = 64;
    static constexpr std::uint32_t kNone = 0xffffffff;

    struct Inside {
        std::uint32_t address = 0;  // network order
        std::uint16_t port = 0;     // network order; ICMP echo: identifier
        std::uint8_t protocol = 0;  // TCP, UDP or ICMP
    };
    struct Outside {
        std::uint32_t address = 0;  // network order
        std::uint16_t port = 0;     // network order
    };
    struct Acquired {
        std::uint32_t mapping = kNone;  // kNone: no address, no free port, or no free mapping
        bool shared = false;            // it existed before
        bool quota = false;             // none: this inside address has as many as it may
    };

    // `capacity`: the most mappings at a time. Throws std::invalid_argument on an empty range,
    // std::bad_alloc.
    NatPool(std::uint32_t capacity, NatPortRange range, const KeyHash& hash,
            std::pmr::memory_resource* memory = std::pmr::get_default_resource());

    // The mapping of `inside`, made if there is none, with one more reference. Ports start at a random place
    // (RFC 6056) and are even or odd as the inside one is, while there are such (RFC 4787 REQ-4). A host keeps to one
    // WAN address as long as that has ports (RFC 4787 REQ-2).
    [[nodiscard]] Acquired acquire(const Inside& inside) noexcept;
    // A new port for a mapping that was just made (not shared) and whose port met an answer key already in use.
    [[nodiscard]] bool renumber(std::uint32_t mapping) noexcept;
    // Gives one reference back; the last one frees mapping and port.
    void release(std::uint32_t mapping) noexcept;

    [[nodiscard]] Outside outside(std::uint32_t mapping) const noexcept;
    // Who has this WAN address and port now; for hairpinning. `protocol`: TCP, UDP or ICMP.
    [[nodiscard]] std::optional<Inside> inside(const Outside& outside, std::uint8_t protocol) const noexcept;
    // False once the mapping's WAN address is no longer ours: the flow must end.
    [[nodiscard]] bool valid(std::uint32_t mapping) const noexcept;

    // Network order. False, and nothing changed, if there are more than fit beside those that flows still refer to.
    bool set_addresses(const std::vector<std::uint32_t>& addresses);

    // Ports (host order) that no new mapping gets, of any WAN address: those of published services. In place of the
    // former ones; mappings that have them keep them.
    struct Reserved {
        std::uint8_t protocol = 0;  // TCP or UDP
        std::uint16_t port = 0;
    };
    void reserve(const std::vector<Reserved>& ports) noexcept;

    [[nodiscard]] std::uint32_t mappings() const noexcept { return used_; }

private:
    struct Mapping {
        Inside inside;
        std::uint16_t port = 0;  // host order
        std::uint8_t address = 0;
        bool indexed = false;  // in by_inside_; not so once the inside got a newer mapping
        std::uint32_t references = 0;
        std::uint32_t next_free = kNone;
    };
    // Which ports of one WAN address and protocol are taken.
    struct Ports {
        std::array<std::uint64_t, 1024> words{};
        std::uint32_t used = 0;
    };
    struct Address {
        std::uint32_t address = 0;
        bool active = false;
        std::uint32_t mappings = 0;
    };
    static constexpr std::size_t kProtocols = 3;

    [[nodiscard]] std::uint32_t hash(const Inside& inside) const noexcept;
    [[nodiscard]] std::uint32_t hash(const Outside& outside, std::uint8_t protocol) const noexcept;
    [[nodiscard]] std::uint32_t find(const Inside& inside) const noexcept;  // slot in by_inside_
    [[nodiscard]] std::uint32_t find(const Outside& outside, std::uint8_t protocol) const noexcept;  // in by_outside_
    void erase_inside(std::uint32_t slot) noexcept;
    void erase_outside(std::uint32_t mapping) noexcept;
    [[nodiscard]] static std::size_t kind(std::uint8_t protocol) noexcept;
    [[nodiscard]] Ports& ports(std::size_t address, std::uint8_t protocol) noexcept;
    // Host order, 0: none.
    [[nodiscard]] std::uint16_t take_port(Ports& ports, const Inside& inside) noexcept;
    [[nodiscard]] std::uint16_t take_port_of(Ports& ports, std::uint8_t protocol, std::uint64_t allowed) noexcept;
    static void give_port(Ports& ports, std::uint16_t port) noexcept;

    NatPortRange range_;
    const KeyHash& hash_;
    HostQuota quota_;
    std::pmr::vector<Mapping> pool_;
    ProbeTable by_inside_;  // of mappings
    ProbeTable by_outside_;
    std::uint32_t free_ = 0;
    std::uint32_t used_ = 0;
    std::array<Address, kMostAddresses> addresses_{};
    std::vector<std::uint8_t> active_;  // indices in addresses_ to choose from
    std::pmr::vector<Ports> ports_;     // address * kProtocols + protocol
    std::array<std::array<std::uint64_t, 1024>, kProtocols> reserved_{};
};

}  // namespace heartgate::dataplane
