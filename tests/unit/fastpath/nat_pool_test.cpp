// SPDX-License-Identifier: Apache-2.0
#include "dataplane/nat/nat_pool.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <vector>

using namespace heartgate::dataplane;

namespace {

const std::uint32_t kWan = htonl(0xc6336401);       // 198.51.100.1
const std::uint32_t kOtherWan = htonl(0xc6336402);  // 198.51.100.2

NatPool::Inside inside(std::uint32_t host, std::uint16_t port, std::uint8_t protocol = IPPROTO_UDP) {
    return {.address = htonl(0x0a000000U + host), .port = htons(port), .protocol = protocol};
}

struct Fixture {
    KeyHash hash;
    NatPool pool;

    explicit Fixture(NatPortRange range = {}, std::uint32_t capacity = 1000) : pool{capacity, range, hash} {
        REQUIRE(pool.set_addresses({kWan}));
    }
};

}  // namespace

TEST_CASE("an inside address and port keeps one outside port while anybody refers to it") {
    Fixture nat;
    const auto first = nat.pool.acquire(inside(1, 5000));
    const auto second = nat.pool.acquire(inside(1, 5000));
    CHECK_FALSE(first.shared);
    CHECK(second.shared);
    CHECK(first.mapping == second.mapping);
    CHECK(nat.pool.mappings() == 1);
    CHECK(nat.pool.outside(first.mapping).address == kWan);

    nat.pool.release(first.mapping);
    CHECK(nat.pool.acquire(inside(1, 5000)).shared);
    nat.pool.release(first.mapping);
    nat.pool.release(first.mapping);
    CHECK(nat.pool.mappings() == 0);
    CHECK_FALSE(nat.pool.acquire(inside(1, 5000)).shared);
}

TEST_CASE("a WAN address and port tells who has it, and nobody once it is given back") {
    Fixture nat{{.first = 1000, .last = 1999}};
    std::vector<std::uint32_t> mappings;
    for (std::uint32_t host = 0; host < 300; ++host) {
        mappings.push_back(nat.pool.acquire(inside(host, 5000)).mapping);
    }
    REQUIRE(nat.pool.renumber(mappings[7]));
    for (std::uint32_t host = 0; host < 300; ++host) {
        const auto found = nat.pool.inside(nat.pool.outside(mappings[host]), IPPROTO_UDP);
        REQUIRE(found);
        CHECK(found->address == htonl(0x0a000000U + host));
        CHECK(found->port == htons(5000));
        CHECK_FALSE(nat.pool.inside(nat.pool.outside(mappings[host]), IPPROTO_TCP));
    }
    const NatPool::Outside given_back = nat.pool.outside(mappings[9]);
    nat.pool.release(mappings[9]);
    CHECK_FALSE(nat.pool.inside(given_back, IPPROTO_UDP));
    CHECK(nat.pool.inside(nat.pool.outside(mappings[10]), IPPROTO_UDP));
    REQUIRE(nat.pool.set_addresses({}));
    CHECK_FALSE(nat.pool.inside(nat.pool.outside(mappings[10]), IPPROTO_UDP));
}

TEST_CASE("ports of published services are given to nobody, of their protocol") {
    Fixture nat{{.first = 1000, .last = 1003}};
    nat.pool.reserve({{.protocol = IPPROTO_TCP, .port = 1001}, {.protocol = IPPROTO_TCP, .port = 1002}});
    const auto ports = [&](std::uint8_t protocol) {
        std::set<std::uint16_t> given;
        for (std::uint32_t host = 0; host < 4; ++host) {
            const auto acquired = nat.pool.acquire(inside(host, 7, protocol));
            if (acquired.mapping != NatPool::kNone) given.insert(ntohs(nat.pool.outside(acquired.mapping).port));
        }
        return given;
    };
    CHECK(ports(IPPROTO_TCP) == std::set<std::uint16_t>{1000, 1003});
    CHECK(ports(IPPROTO_UDP) == std::set<std::uint16_t>{1000, 1001, 1002, 1003});
}

TEST_CASE("every port of the range is given out once per protocol, and none outside of it") {
    Fixture nat{{.first = 1000, .last = 1129}};
    for (const std::uint8_t protocol : {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP}) {
        std::set<std::uint16_t> ports;
        for (std::uint32_t host = 0; host < 130; ++host) {
            const auto acquired = nat.pool.acquire(inside(host, 7, protocol));
            REQUIRE(acquired.mapping != NatPool::kNone);
            ports.insert(ntohs(nat.pool.outside(acquired.mapping).port));
        }
        CHECK(ports.size() == 130);
        CHECK(*ports.begin() == 1000);
        CHECK(*ports.rbegin() == 1129);
        CHECK(nat.pool.acquire(inside(999, 7, protocol)).mapping == NatPool::kNone);
    }
    CHECK(nat.pool.mappings() == 390);
}

TEST_CASE("ports start at a random place") {
    std::set<std::uint16_t> ports;
    for (int round = 0; round < 20; ++round) {
        Fixture nat;
        ports.insert(nat.pool.outside(nat.pool.acquire(inside(1, 1)).mapping).port);
    }
    CHECK(ports.size() > 10);
}

TEST_CASE("a host keeps its WAN address over its ports, and hosts spread over the addresses") {
    Fixture nat;
    REQUIRE(nat.pool.set_addresses({kWan, kOtherWan}));
    std::set<std::uint32_t> of_all;
    for (std::uint32_t host = 0; host < 40; ++host) {
        std::set<std::uint32_t> of_host;
        for (std::uint16_t port = 1; port <= 5; ++port) {
            of_host.insert(nat.pool.outside(nat.pool.acquire(inside(host, port)).mapping).address);
        }
        CHECK(of_host.size() == 1);
        of_all.merge(of_host);
    }
    CHECK(of_all == std::set<std::uint32_t>{kWan, kOtherWan});
}

TEST_CASE("a lost WAN address invalidates its mappings, and its hosts get new ones") {
    Fixture nat;
    const auto lost = nat.pool.acquire(inside(1, 5000));
    REQUIRE(nat.pool.set_addresses({kOtherWan}));
    CHECK_FALSE(nat.pool.valid(lost.mapping));
    const auto fresh = nat.pool.acquire(inside(1, 5000));
    CHECK_FALSE(fresh.shared);
    CHECK(nat.pool.outside(fresh.mapping).address == kOtherWan);
    nat.pool.release(lost.mapping);
    CHECK(nat.pool.acquire(inside(1, 5000)).mapping == fresh.mapping);
}

TEST_CASE("without a WAN address, with all mappings taken, or with too many addresses, nothing is given") {
    Fixture nat{{}, 2};
    REQUIRE(nat.pool.acquire(inside(1, 1)).mapping != NatPool::kNone);
    REQUIRE(nat.pool.acquire(inside(1, 2)).mapping != NatPool::kNone);
    CHECK(nat.pool.acquire(inside(1, 3)).mapping == NatPool::kNone);
    CHECK_FALSE(nat.pool.set_addresses([] {
        std::vector<std::uint32_t> many;
        for (std::uint32_t i = 0; i <= NatPool::kMostAddresses; ++i) many.push_back(i);
        return many;
    }()));
    REQUIRE(nat.pool.set_addresses({}));
    CHECK(nat.pool.acquire(inside(1, 4)).mapping == NatPool::kNone);
}

TEST_CASE("an empty port range is refused with the range in the message") {
    const KeyHash hash;
    CHECK_THROWS_WITH((NatPool{10, {.first = 2000, .last = 1999}, hash}), Catch::Contains("2000-1999"));
}

TEST_CASE("random acquires and releases agree with a plain map") {
    Fixture nat{{.first = 1024, .last = 1500}, 400};
    std::mt19937 random{4787};
    struct Known {
        std::uint32_t mapping;
        unsigned references;
    };
    std::map<std::pair<std::uint32_t, std::uint16_t>, Known> model;
    for (int step = 0; step < 100'000; ++step) {
        const std::pair<std::uint32_t, std::uint16_t> key{random() % 60, static_cast<std::uint16_t>(random() % 10)};
        const auto known = model.find(key);
        if (random() % 2 == 0) {
            const auto acquired = nat.pool.acquire(inside(key.first, key.second));
            if (known != model.end()) {
                REQUIRE(acquired.shared);
                REQUIRE(acquired.mapping == known->second.mapping);
                ++known->second.references;
            } else if (model.size() == 400) {
                REQUIRE(acquired.mapping == NatPool::kNone);
            } else {
                REQUIRE(acquired.mapping != NatPool::kNone);
                REQUIRE_FALSE(acquired.shared);
                model[key] = {acquired.mapping, 1};
            }
        } else if (known != model.end()) {
            nat.pool.release(known->second.mapping);
            if (--known->second.references == 0) model.erase(known);
        }
        REQUIRE(nat.pool.mappings() == model.size());
    }
    std::set<std::uint16_t> ports;
    for (const auto& [key, known] : model) ports.insert(nat.pool.outside(known.mapping).port);
    CHECK(ports.size() == model.size());
}

TEST_CASE("an outside port is even or odd as the inside one is, as long as there are such (RFC 4787 REQ-4)") {
    Fixture nat{{.first = 1000, .last = 1099}};
    for (std::uint16_t port = 2000; port < 2100; ++port) {
        const auto acquired = nat.pool.acquire(inside(port, port));
        REQUIRE(acquired.mapping != NatPool::kNone);
        CHECK(ntohs(nat.pool.outside(acquired.mapping).port) % 2 == port % 2);
    }
    Fixture odd{{.first = 1000, .last = 1003}};
    for (std::uint16_t host = 0; host < 4; ++host) {  // two of them must take the other kind
        CHECK(odd.pool.acquire(inside(host, 2001)).mapping != NatPool::kNone);
    }
    CHECK(odd.pool.acquire(inside(4, 2001)).mapping == NatPool::kNone);
}

TEST_CASE("outside ports cannot be guessed from the inside port or from each other (RFC 6056)") {
    Fixture nat;
    std::set<int> distances;
    int before = 0;
    for (std::uint16_t host = 0; host < 100; ++host) {
        const int port = ntohs(nat.pool.outside(nat.pool.acquire(inside(host, 2000)).mapping).port);
        distances.insert(port - before);
        before = port;
    }
    CHECK(distances.size() > 90);
}

TEST_CASE("one inside address gets no more than its quota, and gets it back") {
    Fixture nat{{.per_host = 3}};
    std::vector<std::uint32_t> taken;
    for (std::uint16_t port = 1; port <= 3; ++port) taken.push_back(nat.pool.acquire(inside(1, port)).mapping);
    const auto refused = nat.pool.acquire(inside(1, 4, IPPROTO_TCP));
    CHECK(refused.mapping == NatPool::kNone);
    CHECK(refused.quota);
    CHECK(nat.pool.acquire(inside(1, 1)).shared);  // a known mapping costs nothing
    CHECK(nat.pool.acquire(inside(2, 4)).mapping != NatPool::kNone);
    nat.pool.release(taken[1]);
    CHECK(nat.pool.acquire(inside(1, 4)).mapping != NatPool::kNone);
    CHECK(nat.pool.acquire(inside(1, 5)).quota);
}

TEST_CASE("quotas agree with a plain map") {
    Fixture nat{{.per_host = 5}, 200};
    std::map<std::uint32_t, unsigned> expected;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> held;
    std::mt19937 random{11};
    unsigned refused = 0;
    for (std::uint32_t step = 0; step < 50'000; ++step) {
        if (held.size() < 150 && random() % 2 == 0) {
            const auto host = static_cast<std::uint32_t>(random() % 60);
            const auto acquired = nat.pool.acquire(inside(host, static_cast<std::uint16_t>(step % 60'000 + 1)));
            if (expected[host] == 5) {
                REQUIRE(acquired.quota);
                ++refused;
            } else {
                REQUIRE(acquired.mapping != NatPool::kNone);
                REQUIRE_FALSE(acquired.shared);
                ++expected[host];
                held.emplace_back(host, acquired.mapping);
            }
        } else if (!held.empty()) {
            std::swap(held[random() % held.size()], held.back());
            --expected[held.back().first];
            nat.pool.release(held.back().second);
            held.pop_back();
        }
    }
    CHECK(refused > 100);
}
