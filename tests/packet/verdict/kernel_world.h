// SPDX-License-Identifier: Apache-2.0
// A network namespace of this process's own, in it the appliance's interfaces; it vanishes with the process.
#pragma once

#include <rte_mbuf.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "dataplane/kernel/tap_kernel_path.h"
#include "dataplane/packet/address_text.h"
#include "tests/packet/verdict/eal.h"
#include "tests/zones.h"

namespace heartgate::dataplane {

// False, with a line that says why, where namespaces and TAP devices cannot be made.
inline bool enter_namespace() {
    static const bool entered = [] {
        if (geteuid() != 0 || access("/dev/net/tun", R_OK | W_OK) != 0 || unshare(CLONE_NEWNET) != 0) {
            std::cout << "SKIP the kernel path needs root, network namespaces and /dev/net/tun\n";
            return false;
        }
        start_eal();
        return true;
    }();
    return entered;
}

template <class Condition>
bool eventually(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{5};
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::yield();
    }
    return true;
}

inline void run(const std::string& command) {
    INFO(command);
    REQUIRE(std::system(command.c_str()) == 0);  // NOLINT(cert-env33-c): constant commands
}

inline IpAddress ip(const std::string& text) { return parse_ip(text).value(); }

inline const MacAddress kLanMac{2, 0, 0, 0, 1, 0};
inline const MacAddress kWanMac{2, 0, 0, 0, 2, 0};
inline const MacAddress kHostMac{2, 0, 0, 0, 1, 1};

inline rte_mempool* packet_pool() {
    static rte_mempool* const pool =
        rte_pktmbuf_pool_create("kernel_test", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    REQUIRE(pool != nullptr);
    return pool;
}

inline TapKernelPathOptions path_options(std::uint16_t lan_vlan = 0) {
    TapOptions lan{
        .name = "hg-lan", .zone = test::kLanZone, .mac = kLanMac, .mtu = 1400, .vlan = lan_vlan, .addresses = {}};
    for (const char* address : {"192.168.77.1/24", "192.0.2.1/32", "2001:db8:77::1/64", "2001:db8::1/128"}) {
        lan.addresses.push_back(parse_prefix(address).value());
    }
    TapOptions wan{.name = "hg-wan", .zone = test::kWanZone, .mac = kWanMac, .addresses = {}};
    wan.addresses.push_back(parse_prefix("203.0.113.2/24").value());
    return {.taps = {lan, wan}, .workers = 1, .ring_size = 256, .pool = packet_pool(), .name = "kp"};
}

}  // namespace heartgate::dataplane
