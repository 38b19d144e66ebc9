// SPDX-License-Identifier: Apache-2.0
// Which endpoint is behind a MAC and an IP address, and whether a frame's source lies about it (DESIGN: spoof drops
// of an attached zone). Consulted when a flow is decided, for fragments and for what has no flow; not on a hit.
#pragma once

#include <cstdint>
#include <memory>

#include "dataplane/concurrent/quiescence.h"
#include "dataplane/contract/drop_reason.h"
#include "dataplane/packet/address.h"

namespace heartgate::dataplane {

class BindingTable {
public:
    struct Source {
        std::uint32_t endpoint;       // 0: nobody is bound
        contract::DropReason reason;  // kNone, or kSpoofedAddress
    };

    // Throws std::bad_alloc. `capacity`: the most addresses, and the most MACs.
    BindingTable(std::uint32_t capacity, Quiescence& quiescence);
    ~BindingTable();
    BindingTable(const BindingTable&) = delete;
    BindingTable& operator=(const BindingTable&) = delete;

    // Readers: any worker, lock-free.
    // The source of a frame from the LAN: a bound MAC with an address bound to another endpoint, or a bound address
    // with a foreign MAC, is spoofed; a new address on a bound MAC inherits its endpoint.
    [[nodiscard]] Source source(const MacAddress& mac, const IpAddress& address, std::uint16_t vlan) const noexcept;
    // The endpoint that has this address, 0 if none; `mac` (of the next hop) decides where the address is not bound.
    [[nodiscard]] std::uint32_t destination(const IpAddress& address, std::uint16_t vlan) const noexcept;
    [[nodiscard]] std::uint32_t destination(const MacAddress& mac) const noexcept;

    // Writer: the health consumer alone. bind() moves an older binding of the address; returns the endpoint that lost
    // it (0: none). The caller touches the words of the endpoints concerned. False or 0 on a full table is counted by
    // the caller.
    struct Bound {
        bool stored;
        std::uint32_t previous;  // endpoint that had the address before, 0: none or the same
    };
    Bound bind(std::uint32_t endpoint, const MacAddress& mac, const IpAddress& address, std::uint16_t vlan);
    std::uint32_t unbind(const MacAddress& mac, const IpAddress& address, std::uint16_t vlan);  // endpoint that lost it
    void remove(std::uint32_t endpoint);                                                        // all its bindings

private:
    struct Tables;
    std::unique_ptr<Tables> tables_;
};

}  // namespace heartgate::dataplane
