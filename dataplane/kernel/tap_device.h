// SPDX-License-Identifier: Apache-2.0
// The appliance's own interface on one port: a persistent TAP device in Linux, made if it is missing, never set down,
// so that addresses, routes and services outlive the dataplane. Throws std::runtime_error with a sentence that says
// what failed and what to do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/packet/address_text.h"
#include "dataplane/port/zone.h"

namespace heartgate::dataplane {

struct TapOptions {
    std::string name;  // "hg-lan"
    Zone zone;
    MacAddress mac{};  // the port's own
    std::uint16_t mtu = 1500;
    std::uint16_t vlan = 0;           // tag of the port's frames; the TAP's are untagged
    std::vector<IpPrefix> addresses;  // given to the device; others stay
};

class TapDevice {
public:
    // Opens or makes the device in the calling thread's network namespace, gives it MAC, MTU, sysctls (no forwarding,
    // arp_ignore, arp_announce) and addresses, and sets it up.
    explicit TapDevice(const TapOptions& options);
    ~TapDevice();  // closes the descriptor; the device stays
    TapDevice(TapDevice&& other) noexcept;
    TapDevice& operator=(TapDevice&&) = delete;

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }  // non-blocking, one frame per call
    [[nodiscard]] int index() const noexcept { return index_; }            // ifindex

private:
    int descriptor_ = -1;
    int index_ = 0;
};

}  // namespace heartgate::dataplane
