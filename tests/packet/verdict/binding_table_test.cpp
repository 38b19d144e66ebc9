// SPDX-License-Identifier: Apache-2.0
// Who is behind an address, spoofs, moves, resync.
#include "dataplane/endpoint/binding_table.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>

#include "dataplane/packet/address_text.h"
#include "tests/packet/verdict/eal.h"

using namespace heartgate::dataplane;
using heartgate::contract::DropReason;

namespace {

IpAddress ip(const std::string& text) { return parse_ip(text).value(); }

const MacAddress kMac1{2, 0, 0, 0, 0, 1};
const MacAddress kMac2{2, 0, 0, 0, 0, 2};
const MacAddress kForeign{2, 0, 0, 0, 0, 9};
const IpAddress kIp1 = ip("192.168.1.11");
const IpAddress kIp2 = ip("192.168.1.12");
const IpAddress kSix1 = ip("2001:db8:1::11");
const IpAddress kUnbound = ip("192.168.1.99");

struct Bindings {
    Quiescence quiescence = [] {
        start_eal();
        return Quiescence{1};
    }();
    EndpointTable endpoints{64};
    BindingTable table{64, quiescence};

    Bindings() {
        bind(1, kMac1, kIp1);
        bind(2, kMac2, kIp2);
    }
    BindingTable::Bound bind(std::uint32_t endpoint, const MacAddress& mac, const IpAddress& address,
                             std::uint32_t incarnation = 1) {
        return table.bind(endpoint, mac, address, incarnation);
    }
    void check(const MacAddress& mac, const IpAddress& address, std::uint32_t endpoint,
               DropReason reason = DropReason::kNone) const {
        const auto source = table.source(mac, address);
        CHECK(source.reason == reason);
        if (reason == DropReason::kNone) CHECK(source.endpoint == endpoint);
    }
};

}  // namespace

TEST_CASE("a bound address with its MAC is its endpoint") {
    const Bindings bindings;
    bindings.check(kMac1, kIp1, 1);
    bindings.check(kMac2, kIp2, 2);
    CHECK(bindings.table.destination(kIp1) == 1);
    CHECK(bindings.table.destination(kMac2) == 2);
}

TEST_CASE("a bound address with a foreign MAC is spoofed, whether that MAC is bound or not") {
    const Bindings bindings;
    bindings.check(kForeign, kIp1, 0, DropReason::kSpoofedAddress);
    bindings.check(kMac2, kIp1, 0, DropReason::kSpoofedAddress);
}

TEST_CASE("a new address on a bound MAC inherits its endpoint") {
    const Bindings bindings;
    bindings.check(kMac1, kUnbound, 1);
    bindings.check(kMac1, ip("2001:db8:1::dead"), 1);
}

TEST_CASE("an unbound address on an unbound MAC is nobody's") {
    const Bindings bindings;
    bindings.check(kForeign, kUnbound, 0);
    CHECK(bindings.table.destination(kUnbound) == 0);
    CHECK(bindings.table.destination(kForeign) == 0);
}

TEST_CASE("an endpoint has several addresses on one MAC, and several MACs") {
    Bindings bindings;
    bindings.bind(1, kMac1, kSix1);
    bindings.bind(1, kForeign, kUnbound);
    bindings.check(kMac1, kIp1, 1);
    bindings.check(kMac1, kSix1, 1);
    bindings.check(kForeign, kUnbound, 1);
    // Its own address from its other card: which of both is right, the next heartbeat says.
    bindings.check(kForeign, kIp1, 0, DropReason::kSpoofedAddress);
    CHECK(bindings.table.size() == 4);
}

TEST_CASE("an address moves to another endpoint with its next heartbeat") {
    Bindings bindings;
    const auto bound = bindings.bind(2, kMac2, kIp1);
    CHECK(bound.stored);
    CHECK(bound.changed);
    CHECK(bound.previous == 1);
    CHECK(bound.previous_of_mac == 0);
    bindings.check(kMac2, kIp1, 2);
    bindings.check(kMac1, kIp1, 0, DropReason::kSpoofedAddress);
    bindings.check(kMac1, kUnbound, 0);  // with its last address the MAC became unbound
}

TEST_CASE("a MAC that moves to another endpoint takes its addresses from the one that had it") {
    Bindings bindings;
    bindings.bind(1, kMac1, kSix1);
    const auto bound = bindings.bind(2, kMac1, kUnbound);
    CHECK(bound.stored);
    CHECK(bound.previous == 0);
    CHECK(bound.previous_of_mac == 1);
    bindings.check(kMac1, kUnbound, 2);
    bindings.check(kMac1, kIp1, 2);  // a new address on endpoint 2's MAC
    CHECK(bindings.table.destination(kIp1) == 0);
    CHECK(bindings.table.destination(kSix1) == 0);
    bindings.check(kMac2, kIp2, 2);
}

TEST_CASE("a re-installed machine takes address and MAC over") {
    Bindings bindings;
    const auto bound = bindings.bind(3, kMac1, kIp1);
    CHECK(bound.changed);
    CHECK(bound.previous_of_mac == 1);
    bindings.check(kMac1, kIp1, 3);
    CHECK(bindings.table.size() == 2);
}

TEST_CASE("a new network card on the same address") {
    Bindings bindings;
    const auto bound = bindings.bind(1, kForeign, kIp1);
    CHECK(bound.changed);
    CHECK(bound.previous == 0);
    bindings.check(kForeign, kIp1, 1);
    bindings.check(kMac1, kIp1, 0, DropReason::kSpoofedAddress);
}

TEST_CASE("the same binding again changes nothing") {
    Bindings bindings;
    const auto bound = bindings.bind(1, kMac1, kIp1, 2);
    CHECK(bound.stored);
    CHECK_FALSE(bound.changed);
    CHECK(bindings.table.size() == 2);
    // The MAC is not counted twice: one unbind frees it.
    CHECK(bindings.table.unbind(kMac1, kIp1) == 1);
    CHECK(bindings.table.destination(kMac1) == 0);
}

TEST_CASE("unbinding says who lost the address, and needs the right MAC") {
    Bindings bindings;
    CHECK(bindings.table.unbind(kMac2, kIp1) == 0);
    CHECK(bindings.table.unbind(kForeign, kIp1) == 0);
    CHECK(bindings.table.unbind(kMac1, kUnbound) == 0);
    bindings.check(kMac1, kIp1, 1);
    CHECK(bindings.table.unbind(kMac1, kIp1) == 1);
    bindings.check(kMac1, kIp1, 0);
    bindings.check(kForeign, kIp1, 0);
}

TEST_CASE("removing an endpoint removes all its bindings and nobody else's") {
    Bindings bindings;
    bindings.bind(1, kMac1, kSix1);
    bindings.bind(1, kForeign, kUnbound);
    bindings.table.remove(1);
    for (const MacAddress& mac : {kMac1, kForeign}) {
        for (const IpAddress& address : {kIp1, kSix1, kUnbound}) bindings.check(mac, address, 0);
    }
    bindings.check(kMac2, kIp2, 2);
    CHECK(bindings.table.size() == 1);
}

TEST_CASE("in a routed zone an address is bound alone, and any unbound MAC may carry it") {
    Bindings bindings;
    bindings.bind(3, MacAddress{}, kUnbound);
    bindings.check(kForeign, kUnbound, 3);
    bindings.check(kMac1, kUnbound, 0, DropReason::kSpoofedAddress);  // a bound MAC with another endpoint's address
    CHECK(bindings.table.destination(MacAddress{}) == 0);
    // Only who names no MAC unbinds it.
    CHECK(bindings.table.unbind(kForeign, kUnbound) == 0);
    CHECK(bindings.table.unbind(kMac1, kUnbound) == 0);
    bindings.check(kForeign, kUnbound, 3);
    CHECK(bindings.table.unbind(MacAddress{}, kUnbound) == 3);
}

TEST_CASE("a sweep removes in bounded steps what another incarnation bound, and touches who lost it") {
    Bindings bindings;
    for (std::uint32_t i = 3; i < 40; ++i) {
        MacAddress mac = kForeign;
        mac[3] = static_cast<std::uint8_t>(i);
        bindings.bind(i, mac, IpAddress::from_ipv4(i), 1);
    }
    bindings.bind(1, kMac1, kIp1, 2);  // mentioned again
    const auto word1 = bindings.endpoints.word(1);
    const auto word2 = bindings.endpoints.word(2);
    unsigned calls = 1;
    while (!bindings.table.sweep(2, 8, bindings.endpoints)) ++calls;
    CHECK(calls > 4);
    CHECK(bindings.table.size() == 1);
    bindings.check(kMac1, kIp1, 1);
    bindings.check(kMac2, kIp2, 0);
    CHECK(bindings.endpoints.word(1) == word1);
    CHECK_FALSE(bindings.endpoints.word(2) == word2);
    // It can be done again.
    bindings.bind(2, kMac2, kIp2, 2);
    while (!bindings.table.sweep(3, 1000, bindings.endpoints)) {
    }
    CHECK(bindings.table.size() == 0);
}

TEST_CASE("a sweep that begins anew looks at every entry, wherever the one before was left") {
    Bindings bindings;
    for (std::uint32_t i = 3; i < 40; ++i) bindings.bind(1, kMac1, IpAddress::from_ipv4(i), 1);
    bindings.bind(1, kMac1, kIp1, 2);  // the first entry, which this sweep passes
    while (bindings.table.size() > 20) REQUIRE_FALSE(bindings.table.sweep(2, 1, bindings.endpoints));
    REQUIRE(bindings.table.destination(kIp1) == 1);
    bindings.table.begin_sweep();
    while (!bindings.table.sweep(3, 1000, bindings.endpoints)) {
    }
    CHECK(bindings.table.size() == 0);
}

TEST_CASE("endpoint 0 and indices beyond the capacity are refused") {
    Bindings bindings;
    CHECK_FALSE(bindings.bind(0, kForeign, kUnbound).stored);
    CHECK_FALSE(bindings.bind(64, kForeign, kUnbound).stored);
    bindings.table.remove(64);
    bindings.check(kForeign, kUnbound, 0);
}

TEST_CASE("a full table refuses new bindings, keeps the old ones, and has room again after removals") {
    Bindings bindings;
    const auto mac_of = [](std::uint32_t i) {
        return MacAddress{4, 0, 0, 0, static_cast<std::uint8_t>(i >> 8U), static_cast<std::uint8_t>(i)};
    };
    std::uint32_t stored = 0;
    while (bindings.bind(5, mac_of(stored), IpAddress::from_ipv4(1000 + stored)).stored) ++stored;
    CHECK(stored >= 126);  // two per endpoint, with the two that were there
    bindings.check(kMac1, kIp1, 1);
    bindings.check(mac_of(stored), kUnbound, 0);
    bindings.table.remove(5);
    CHECK(bindings.table.size() == 2);
    for (std::uint32_t i = 0; i < stored; ++i) {
        REQUIRE(bindings.bind(6, mac_of(i), IpAddress::from_ipv4(5000 + i)).stored);
    }
}

TEST_CASE("there is room for four addresses and two MACs of every endpoint") {
    Bindings bindings;
    bindings.table.remove(1);
    bindings.table.remove(2);
    for (std::uint32_t endpoint = 1; endpoint < 64; ++endpoint) {
        for (std::uint32_t i = 0; i < 4; ++i) {
            const MacAddress mac{4, 0, 0, 0, static_cast<std::uint8_t>(endpoint), static_cast<std::uint8_t>(i % 2)};
            REQUIRE(bindings.bind(endpoint, mac, IpAddress::from_ipv4(1000 + endpoint * 4 + i)).stored);
        }
    }
    CHECK(bindings.table.size() == 63 * 4);
}

TEST_CASE("a MAC moves also when there is no room for another one") {
    Bindings bindings;
    const auto mac_of = [](std::uint32_t i) {
        return MacAddress{4, 0, 0, 0, static_cast<std::uint8_t>(i >> 8U), static_cast<std::uint8_t>(i)};
    };
    for (std::uint32_t i = 0; bindings.bind(5, mac_of(i), IpAddress::from_ipv4(1000 + i)).stored; ++i) {
    }
    bindings.quiescence.online(0);  // a slot that is freed now stays reserved for this reader
    const auto bound = bindings.bind(2, kMac1, kUnbound);
    CHECK(bound.stored);
    CHECK(bound.previous_of_mac == 1);
    bindings.check(kMac1, kUnbound, 2);
    CHECK(bindings.table.destination(kIp1) == 0);
    bindings.quiescence.offline(0);
}

TEST_CASE("a binding that finds no room reports whom it has taken something from") {
    Bindings bindings;
    for (std::uint32_t i = 0; bindings.bind(2, kMac2, IpAddress::from_ipv4(1000 + i)).stored; ++i) {
    }
    bindings.quiescence.online(0);  // a slot that is freed now stays reserved for this reader
    SECTION("a MAC that moves has left its old endpoint") {
        const auto bound = bindings.bind(3, kMac1, kUnbound);
        CHECK_FALSE(bound.stored);
        CHECK(bound.changed);
        CHECK(bound.previous_of_mac == 1);
        CHECK(bindings.table.destination(kIp1) == 0);
        CHECK(bindings.table.destination(kMac1) == 0);
    }
    SECTION("another address of a known MAC has changed nothing") {
        const auto bound = bindings.bind(1, kMac1, kUnbound);
        CHECK_FALSE(bound.stored);
        CHECK_FALSE(bound.changed);
        bindings.check(kMac1, kIp1, 1);
    }
    bindings.quiescence.offline(0);
}

TEST_CASE("a reader never sees an address with a wrong owner while bindings move") {
    Bindings bindings;
    std::atomic<bool> stop{false};
    std::atomic<std::uint32_t> wrong{0};
    std::atomic<std::uint32_t> reads{0};
    std::thread reader{[&bindings, &stop, &wrong, &reads] {
        bindings.quiescence.online(0);
        while (!stop) {
            // kIp1 moves between endpoints 1 and 2 with their MACs; kIp2's owner never changes.
            const auto source = bindings.table.source(kMac1, kIp1);
            if (source.endpoint > 2) ++wrong;
            if (source.reason == DropReason::kNone && source.endpoint == 2) ++wrong;
            if (bindings.table.destination(kIp2) != 2) ++wrong;
            bindings.quiescence.quiescent(0);
            ++reads;
        }
        bindings.quiescence.offline(0);
    }};
    while (reads == 0) std::this_thread::yield();
    bool stored = true;
    for (int i = 0; i < 5'000; ++i) {
        stored = stored && bindings.bind(2, kMac2, kIp1).stored && bindings.bind(1, kMac1, kIp1).stored;
        bindings.quiescence.synchronize();  // so that removed slots come back as fast as they go
    }
    stop = true;
    reader.join();
    CHECK(stored);
    CHECK(wrong == 0);
}
