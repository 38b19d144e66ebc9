// SPDX-License-Identifier: Apache-2.0
// Which endpoint is behind a MAC and an IP address, and whether a frame's source lies about it (DESIGN: spoof drops
// of an attached zone). Consulted when a flow is decided and for packets to the appliance itself; not on a hit.
#pragma once

#include <cstdint>
#include <memory>

#include "dataplane/concurrent/quiescence.h"
#include "dataplane/contract/drop_reason.h"
#include "dataplane/endpoint/endpoint_table.h"
#include "dataplane/packet/address.h"

namespace heartgate::dataplane {

class BindingTable {
public:
    struct Source {
        std::uint32_t endpoint;       // 0: nobody is bound
        contract::DropReason reason;  // kNone, or kSpoofedAddress
    };

    // Room for each endpoint, on average: IPv4, and of IPv6 link-local, stable and temporary; cable and Wi-Fi.
    // At the default of 65536 endpoints this takes 36 MB of dpdk.memory_mb and 18 MB of ordinary memory. heartgated
    // allows a single endpoint 16 addresses; 16 for all of them at once would take 102 MB of dpdk.memory_mb.
    static constexpr std::uint32_t kAddressesPerEndpoint = 4;
    static constexpr std::uint32_t kMacsPerEndpoint = 2;

    // Throws std::bad_alloc. `capacity`: endpoint indices are below it.
    BindingTable(std::uint32_t capacity, Quiescence& quiescence);
    ~BindingTable();
    BindingTable(const BindingTable&) = delete;
    BindingTable& operator=(const BindingTable&) = delete;

    // Readers: any worker, lock-free.
    // The source of a frame from inside, whichever zone it comes from: a machine that tags its frames into another
    // VLAN stays who it is. A bound MAC with an address bound to another endpoint, or a bound address
    // with a foreign MAC, is spoofed; a new address on a bound MAC inherits its endpoint.
    [[nodiscard]] Source source(const MacAddress& mac, const IpAddress& address) const noexcept;
    // The endpoint that has this address, 0 if none; `mac` (of the next hop) decides where the address is not bound.
    [[nodiscard]] std::uint32_t destination(const IpAddress& address) const noexcept;
    [[nodiscard]] std::uint32_t destination(const MacAddress& mac) const noexcept;

    // Writer: the health consumer alone. bind() marks the binding with the producer's incarnation and moves an older
    // binding of the address or of the MAC; a MAC that moves takes all its addresses from the endpoint that had it.
    // A zero MAC binds the address alone (a routed zone). When `changed`, stored or not, the caller touches the words
    // of `endpoint` and of both previous endpoints, and calls EndpointTable::advance(), since the address may have had
    // none.
    struct Bound {
        bool stored = false;                // false: table full, or endpoint 0 or beyond the capacity
        bool changed = false;               // not the same as before
        std::uint32_t previous = 0;         // other endpoint that had the address, 0: none
        std::uint32_t previous_of_mac = 0;  // other endpoint that had the MAC, 0: none
    };
    Bound bind(std::uint32_t endpoint, const MacAddress& mac, const IpAddress& address,
               std::uint32_t incarnation) noexcept;
    // The endpoint that lost the address, to be touched; 0: it was not bound to this MAC.
    std::uint32_t unbind(const MacAddress& mac, const IpAddress& address) noexcept;
    void remove(std::uint32_t endpoint) noexcept;  // all its bindings; the caller touches it
    // From the first entry again, also where an earlier sweep was left half-way.
    void begin_sweep() noexcept;
    // Removes bindings that are marked with another incarnation, looking at no more than `steps` entries per call, and
    // touches the endpoints that lose one. True when all entries have been looked at; the next call begins anew.
    bool sweep(std::uint32_t incarnation, unsigned steps, EndpointTable& endpoints) noexcept;
    [[nodiscard]] std::uint32_t size() const noexcept;  // addresses that are bound

private:
    struct Tables;
    std::unique_ptr<Tables> tables_;
};

}  // namespace heartgate::dataplane
