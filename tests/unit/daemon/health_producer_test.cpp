// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/health_producer.h"

#include <catch2/catch.hpp>
#include <deque>
#include <numeric>

namespace {

using heartgate::contract::checksum;
using heartgate::contract::Colour;
using heartgate::contract::EndpointState;
using heartgate::contract::EndpointWord;
using heartgate::contract::HealthMessage;
using heartgate::contract::MessageType;
using heartgate::contract::Presence;
using heartgate::control::HealthProducer;
using heartgate::control::Instant;
using heartgate::control::IpAddress;
using heartgate::control::MessageRings;
using namespace std::chrono_literals;

constexpr EndpointState kGreen{.colour = Colour::kGreen, .presence = Presence::kConnected};
constexpr EndpointState kYellow{.colour = Colour::kYellow, .presence = Presence::kConnected};
constexpr EndpointState kRed{.colour = Colour::kRed, .presence = Presence::kConnected, .isolated = true};
const std::string kMac("\2\0\0\0\0\5", 6);

struct Rings : MessageRings {
    bool put_health(const HealthMessage& message) override { return put(health, message); }
    bool put_sync(const HealthMessage& message) override { return put(sync, message); }
    std::uint64_t applied_sequence() const override { return applied; }
    std::uint64_t applied_ns() const override { return 0; }
    std::uint32_t incarnation() const override { return current; }
    std::uint32_t synced_incarnation() const override { return synced; }
    heartgate::contract::DataplaneState state() const override {
        return heartgate::contract::DataplaneState::kForwarding;
    }

    std::uint64_t failed_binds() const override { return failed; }

    bool put(std::deque<HealthMessage>& ring, const HealthMessage& message) const {
        CHECK(message.checksum == checksum(message));
        CHECK(message.incarnation == 9);
        if (ring.size() >= room) return false;
        ring.push_back(message);
        return true;
    }

    std::deque<HealthMessage> health;
    std::deque<HealthMessage> sync;
    std::size_t room = 100;
    std::uint64_t applied = 0;
    std::uint64_t failed = 0;
    std::uint32_t current = 9;
    std::uint32_t synced = 0;
};

MessageType type(const HealthMessage& message) { return static_cast<MessageType>(message.type); }
EndpointState state(const HealthMessage& message) { return EndpointWord::decode(message.state); }
IpAddress address(int last) { return *IpAddress::from_text("10.0.0." + std::to_string(last)); }
Instant now() { return std::chrono::steady_clock::now(); }

// Attached and acknowledged, rings empty.
void sync(HealthProducer& producer, Rings& rings) {
    producer.attach(rings, 9, 1000);
    producer.pump(now());
    rings.synced = 9;
    producer.pump(now());
    REQUIRE(producer.synced());
    rings.sync.clear();
}

}  // namespace

TEST_CASE("a new incarnation sends all states, then all bindings, then END_OF_SYNC, by the sync ring") {
    HealthProducer producer;
    Rings rings;
    producer.set_state(1, kGreen, 0);
    producer.set_state(2, kRed, 0);
    producer.bind(1, kMac, address(1));
    producer.attach(rings, 9, 1000);
    CHECK(producer.pump(now()));
    REQUIRE(rings.sync.size() == 4);
    CHECK(rings.health.empty());
    CHECK(state(rings.sync[0]) == kGreen);
    CHECK(state(rings.sync[1]) == kRed);
    CHECK(type(rings.sync[2]) == MessageType::kBind);
    CHECK(rings.sync[2].address == address(1).bytes);
    CHECK(std::string(rings.sync[2].mac.begin(), rings.sync[2].mac.end()) == kMac);
    CHECK(type(rings.sync[3]) == MessageType::kEndOfSync);
    CHECK_FALSE(producer.synced());
    rings.synced = 9;
    CHECK_FALSE(producer.pump(now()));
    CHECK(producer.synced());
}

TEST_CASE("a sync larger than its ring goes in pieces, and isolations overtake it") {
    HealthProducer producer;
    Rings rings;
    rings.room = 3;
    for (unsigned endpoint = 1; endpoint <= 10; ++endpoint) producer.set_state(endpoint, kGreen, 0);
    producer.attach(rings, 9, 1000);
    producer.pump(now());
    CHECK(rings.sync.size() == 3);
    producer.set_state(7, kRed, 42);
    REQUIRE(rings.health.size() == 1);
    CHECK(state(rings.health[0]) == kRed);
    CHECK(rings.health[0].received_ns == 42);
    heartgate::v1::LatencyHistogram queued;
    producer.queued().fill(queued);
    CHECK(std::accumulate(queued.count().begin(), queued.count().end(), std::uint64_t{0}) == 1);
    CHECK(queued.maximum_us() > 0);

    std::vector<HealthMessage> seen;
    for (int turn = 0; turn < 10 && (seen.empty() || type(seen.back()) != MessageType::kEndOfSync); ++turn) {
        seen.insert(seen.end(), rings.sync.begin(), rings.sync.end());
        rings.sync.clear();
        producer.pump(now());
    }
    REQUIRE(seen.size() == 11);
    // Number 7 was still to come: it must not undo the isolation with a later number.
    CHECK(seen[6].endpoint == 7);
    CHECK(state(seen[6]) == kRed);
    CHECK(seen[6].sequence > rings.health[0].sequence);
}

TEST_CASE("changes of one endpoint are coalesced while the ring is full, none is lost") {
    HealthProducer producer;
    Rings rings;
    sync(producer, rings);
    rings.room = 0;
    producer.set_state(1, kGreen, 1);
    producer.set_state(1, kYellow, 2);
    producer.set_state(1, kRed, 3);
    producer.set_state(2, kYellow, 4);
    CHECK_FALSE(producer.applied(1));
    rings.room = 100;
    producer.pump(now());
    REQUIRE(rings.health.size() == 2);
    for (const HealthMessage& message : rings.health) {
        CHECK(state(message) == (message.endpoint == 1 ? kRed : kYellow));
        CHECK(message.received_ns == (message.endpoint == 1 ? 3 : 4));
    }
}

TEST_CASE("a state is sent again until it is acknowledged") {
    HealthProducer producer;
    Rings rings;
    sync(producer, rings);
    const Instant sent = now();
    producer.set_state(1, kRed, 5);
    producer.pump(sent);
    CHECK(rings.health.size() == 1);
    producer.pump(sent + 10s);
    REQUIRE(rings.health.size() == 2);
    CHECK(rings.health[1].sequence > rings.health[0].sequence);
    CHECK(rings.health[1].received_ns == 0);  // the delay of a retry is not the heartbeat's
    rings.applied = rings.health[1].sequence;
    CHECK(producer.applied(1));
    CHECK_FALSE(producer.pump(sent + 20s));
    CHECK(rings.health.size() == 2);
}

TEST_CASE("an acknowledgement of an earlier state does not count for a later one") {
    HealthProducer producer;
    Rings rings;
    sync(producer, rings);
    producer.set_state(1, kGreen, 0);
    rings.applied = rings.health.back().sequence;
    CHECK(producer.applied(1));
    producer.set_state(1, kRed, 0);
    CHECK_FALSE(producer.applied(1));
    CHECK(producer.pump(now()));
    rings.applied = rings.health.back().sequence;
    CHECK(producer.applied(1));
}

TEST_CASE("what another incarnation's dataplane has applied does not count") {
    HealthProducer producer;
    Rings rings;
    rings.current = 8;
    rings.applied = 1'000'000;
    producer.set_state(1, kRed, 0);
    producer.attach(rings, 9, 1000);
    producer.set_state(1, kYellow, 0);
    CHECK_FALSE(producer.applied(1));
    producer.pump(now());
    CHECK_FALSE(producer.synced());
}

TEST_CASE("bindings wait for the acknowledged END_OF_SYNC, then go by the health ring in order") {
    HealthProducer producer;
    Rings rings;
    producer.attach(rings, 9, 1000);
    producer.bind(1, kMac, address(1));  // before END_OF_SYNC: by the sync ring
    producer.pump(now());
    REQUIRE(rings.sync.size() == 2);
    CHECK(type(rings.sync[0]) == MessageType::kBind);
    producer.bind(1, kMac, address(2));  // after it, not yet acknowledged
    producer.unbind(1, kMac, address(1));
    producer.pump(now());
    CHECK(rings.sync.size() == 2);
    CHECK(rings.health.empty());
    rings.synced = 9;
    producer.pump(now());
    REQUIRE(rings.health.size() == 2);
    CHECK(type(rings.health[0]) == MessageType::kBind);
    CHECK(type(rings.health[1]) == MessageType::kUnbind);
    producer.bind(2, kMac, address(1));
    REQUIRE(rings.health.size() == 3);
    rings.applied = rings.health[2].sequence;
    CHECK_FALSE(producer.pump(now()));
}

TEST_CASE("unacknowledged bindings are repeated in their order") {
    HealthProducer producer;
    Rings rings;
    sync(producer, rings);
    producer.bind(1, kMac, address(1));
    producer.bind(2, kMac, address(1));
    rings.health.clear();
    producer.pump(now() + 10s);
    REQUIRE(rings.health.size() == 2);
    CHECK(rings.health[0].endpoint == 1);
    CHECK(rings.health[1].endpoint == 2);
}

TEST_CASE("a second dataplane gets the present state, not the history") {
    HealthProducer producer;
    Rings first;
    sync(producer, first);
    producer.set_state(1, kGreen, 0);
    producer.bind(1, kMac, address(1));
    producer.set_state(1, kRed, 0);
    producer.unbind(1, kMac, address(1));
    producer.detach();
    producer.set_state(2, kYellow, 0);
    Rings second;
    producer.attach(second, 9, 1000);
    producer.pump(now());
    REQUIRE(second.sync.size() == 3);
    CHECK(state(second.sync[0]) == kRed);
    CHECK(state(second.sync[1]) == kYellow);
    CHECK(second.health.empty());
}

TEST_CASE("an endpoint beyond the dataplane's table is never sent and never reported as applied") {
    HealthProducer producer;
    Rings rings;
    producer.set_state(1000, kRed, 0);
    sync(producer, rings);
    producer.set_state(1001, kRed, 0);
    producer.bind(1001, kMac, address(1));
    producer.pump(now());
    CHECK(rings.health.empty());
    CHECK(producer.refused() == 2);
    CHECK_FALSE(producer.applied(1001));
}

TEST_CASE("bindings without room are counted, and sent again until all have found room") {
    HealthProducer producer;
    Rings rings;
    producer.bind(1, kMac, address(1));
    producer.bind(1, kMac, address(2));
    producer.attach(rings, 9, 1000);
    producer.pump(now());
    rings.failed = 1;  // one of them, in the sync
    rings.synced = 9;
    const Instant start = now();
    producer.pump(start);
    CHECK(producer.without_room() == 1);
    CHECK(rings.health.empty());

    producer.pump(start + HealthProducer::kBindAgain);
    REQUIRE(rings.health.size() >= 2);
    CHECK(type(rings.health[0]) == MessageType::kBind);
    CHECK(rings.health[0].address != rings.health[1].address);
    rings.failed = 2;
    rings.applied = rings.health.back().sequence;
    const Instant second = start + HealthProducer::kBindAgain + 1ms;
    producer.pump(second);
    CHECK(producer.without_room() == 1);

    rings.health.clear();
    producer.pump(second + HealthProducer::kBindAgain);
    REQUIRE(rings.health.size() >= 2);
    rings.applied = rings.health.back().sequence;
    producer.pump(second + HealthProducer::kBindAgain + 1ms);
    CHECK(producer.without_room() == 0);
    rings.health.clear();
    producer.pump(second + 3 * HealthProducer::kBindAgain);
    CHECK(rings.health.empty());
}
