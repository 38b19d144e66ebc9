// SPDX-License-Identifier: Apache-2.0
// The consumer of the health and sync rings with a producer in the same process.
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include <catch2/catch.hpp>

#include "dataplane/channel/health_consumer.h"
#include "dataplane/concurrent/clock.h"
#include "dataplane/packet/address_text.h"
#include "tests/packet/verdict/eal.h"

using namespace heartgate;
using namespace heartgate::dataplane;
using contract::Colour;
using contract::DataplaneState;
using contract::EndpointState;
using contract::HealthMessage;
using contract::MessageType;
using contract::Presence;

namespace {

constexpr std::uint32_t kCapacity = 4096;
constexpr std::uint32_t kFirst = 77;  // incarnation
constexpr EndpointState kGreen{.colour = Colour::kGreen, .presence = Presence::kConnected};
constexpr EndpointState kIsolated{.colour = Colour::kRed, .presence = Presence::kConnected, .isolated = true};
constexpr MacAddress kMac{0x02, 0, 0, 0, 0, 1};
constexpr MacAddress kOtherMac{0x02, 0, 0, 0, 0, 2};

struct Eal {
    Eal() { start_eal(); }
};

struct Fixture : Eal {
    Quiescence quiescence{2};
    SharedMemory memory{kCapacity};
    EndpointTable endpoints{kCapacity};
    BindingTable bindings{kCapacity, quiescence};
    Gate gate{endpoints};
    HealthConsumer consumer{memory, endpoints, bindings, gate, quiescence};
    const IpAddress address = *parse_ip("10.20.0.50");
    std::uint32_t incarnation = kFirst;
    std::uint64_t sequence = 0;

    Fixture() { consumer.expect(kFirst); }

    HealthMessage message(MessageType type, std::uint32_t endpoint) {
        HealthMessage message;
        message.incarnation = incarnation;
        message.endpoint = endpoint;
        message.sequence = ++sequence;
        message.type = static_cast<std::uint8_t>(type);
        return message;
    }
    HealthMessage state(std::uint32_t endpoint, const EndpointState& state) {
        HealthMessage result = message(MessageType::kEndpointState, endpoint);
        result.state = contract::EndpointWord::encode(state);
        return result;
    }
    HealthMessage binding(MessageType type, std::uint32_t endpoint, const MacAddress& mac) {
        HealthMessage result = message(type, endpoint);
        result.mac = mac;
        result.address = address.bytes;
        return result;
    }
    static void put(rte_ring* ring, HealthMessage message) {
        message.checksum = contract::checksum(message);
        put_as_is(ring, message);
    }
    static void put_as_is(rte_ring* ring, HealthMessage message) {
        REQUIRE(rte_ring_sp_enqueue_elem(ring, &message, sizeof(message)) == 0);
    }
    void health(const HealthMessage& message) { put(memory.health(), message); }
    void sync(const HealthMessage& message) { put(memory.sync(), message); }
    void end_of_sync() { sync(message(MessageType::kEndOfSync, 0)); }
    // Enough loops of worker 0 for any sweep of this capacity.
    void settle() {
        for (unsigned loop = 0; loop < 200; ++loop) consumer.poll();
    }
    [[nodiscard]] EndpointState state_of(std::uint32_t endpoint) const { return endpoints.word(endpoint).state(); }
    [[nodiscard]] std::uint64_t applied() const { return memory.state().applied_sequence.load(); }
    [[nodiscard]] std::uint64_t skipped() const { return memory.state().skipped_messages.load(); }
    [[nodiscard]] std::uint64_t failed_binds() const { return memory.state().failed_binds.load(); }
    [[nodiscard]] std::uint32_t synced() const { return memory.state().synced_incarnation.load(); }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "an isolation is in the table after one poll and raises the generation") {
    const std::uint32_t generation = endpoints.generation();
    health(state(5, kIsolated));
    consumer.poll();
    CHECK(state_of(5) == kIsolated);
    CHECK(endpoints.generation() != generation);
    CHECK(memory.state().generation.load() == endpoints.generation());
}

TEST_CASE_METHOD(Fixture, "messages of a ring are applied in order, at most 64 in a poll") {
    for (unsigned i = 0; i < 64; ++i) health(state(5, kGreen));
    health(state(5, kIsolated));
    consumer.poll();
    CHECK(state_of(5) == kGreen);
    CHECK(applied() == 64);
    consumer.poll();
    CHECK(state_of(5) == kIsolated);
    CHECK(applied() == 65);
}

TEST_CASE_METHOD(Fixture, "applied is published only after every online worker has been quiescent") {
    quiescence.online(0);
    quiescence.online(1);
    HealthMessage message = state(5, kIsolated);
    message.received_ns = monotonic_ns();
    CHECK_FALSE(consumer.busy());
    health(message);
    CHECK(consumer.busy());
    consumer.poll();
    CHECK(state_of(5) == kIsolated);
    CHECK(applied() == 0);
    CHECK(consumer.busy());  // worker 0 must not sleep before it has acknowledged
    quiescence.quiescent(0);
    consumer.poll();
    CHECK(applied() == 0);
    quiescence.quiescent(1);
    consumer.poll();
    CHECK_FALSE(consumer.busy());
    CHECK(applied() == message.sequence);
    CHECK(memory.state().applied_ns.load() >= message.received_ns);
    std::uint64_t measured = 0;
    for (const auto& bucket : memory.state().latency) measured += bucket.load();
    CHECK(measured == 1);
}

TEST_CASE_METHOD(Fixture, "a worker that sleeps does not hold applied back") {
    quiescence.online(0);
    health(state(5, kIsolated));
    consumer.poll();
    quiescence.quiescent(0);
    consumer.poll();
    CHECK(applied() == 1);
}

TEST_CASE_METHOD(Fixture, "applied is not lost while a worker hangs through many changes") {
    quiescence.online(1);
    for (unsigned i = 0; i < 300; ++i) {
        health(state(1 + i, kIsolated));
        consumer.poll();
    }
    CHECK(applied() == 0);
    quiescence.quiescent(1);
    settle();
    CHECK(applied() == 300);
}

TEST_CASE_METHOD(Fixture, "torn messages are skipped and counted, those behind them count") {
    HealthMessage torn = state(5, kIsolated);
    torn.checksum = contract::checksum(torn);
    torn.endpoint = 6;
    put_as_is(memory.health(), torn);
    put_as_is(memory.health(), HealthMessage{});
    health(state(7, kIsolated));
    consumer.poll();
    CHECK(state_of(5) == EndpointState{});
    CHECK(state_of(6) == EndpointState{});
    CHECK(state_of(7) == kIsolated);
    CHECK(skipped() == 2);
}

TEST_CASE_METHOD(Fixture, "a message of an unknown type or for no slot is skipped") {
    HealthMessage unknown = state(5, kIsolated);
    unknown.type = 99;
    health(unknown);
    health(state(0, kIsolated));
    health(state(kCapacity, kIsolated));
    health(message(MessageType::kEndOfSync, 0));  // belongs into the sync ring
    settle();
    CHECK(skipped() == 4);
    CHECK(state_of(5) == EndpointState{});
    CHECK_FALSE(gate.ready());
}

TEST_CASE_METHOD(Fixture, "an older incarnation's messages do not count any more") {
    health(state(5, kIsolated));
    consumer.poll();
    health(state(5, kGreen));  // still in the ring when the next one attaches
    consumer.expect(kFirst + 1);
    consumer.poll();
    CHECK(state_of(5) == kIsolated);
    CHECK(skipped() == 1);
    CHECK(applied() == 0);
    CHECK(memory.state().incarnation.load() == kFirst + 1);
}

TEST_CASE_METHOD(Fixture, "nothing counts before a producer has attached") {
    consumer.expect(0);
    incarnation = 0;
    health(state(5, kIsolated));
    consumer.poll();
    CHECK(state_of(5) == EndpointState{});
    CHECK(skipped() == 1);
}

TEST_CASE_METHOD(Fixture, "the sync ring does not overrule what the health ring brought later") {
    const HealthMessage old = state(5, kGreen);
    health(state(5, kIsolated));
    consumer.poll();
    sync(old);
    consumer.poll();
    CHECK(state_of(5) == kIsolated);
    sync(state(5, kGreen));  // newer than the health ring's
    consumer.poll();
    CHECK(state_of(5) == kGreen);
}

TEST_CASE_METHOD(Fixture, "the health ring does not overrule what the sync ring brought later") {
    // More than a poll takes: the sync ring overtakes.
    for (unsigned i = 0; i < 64; ++i) health(state(6, kGreen));
    health(state(5, kGreen));
    sync(state(5, kIsolated));
    consumer.poll();
    CHECK(state_of(5) == kIsolated);
    consumer.poll();
    CHECK(state_of(5) == kIsolated);
    CHECK(applied() == 65);
    health(state(5, kGreen));
    consumer.poll();
    CHECK(state_of(5) == kGreen);
}

TEST_CASE_METHOD(Fixture, "an older state does not bring a removed endpoint back") {
    const HealthMessage old = state(5, kGreen);
    health(message(MessageType::kRemove, 5));
    consumer.poll();
    sync(old);
    consumer.poll();
    CHECK(state_of(5) == EndpointState{});
}

TEST_CASE_METHOD(Fixture, "a removal does not release who got the slot after it") {
    health(binding(MessageType::kBind, 5, kMac));
    const HealthMessage removal = message(MessageType::kRemove, 5);
    health(state(5, kIsolated));
    consumer.poll();
    sync(removal);
    consumer.poll();
    CHECK(state_of(5) == kIsolated);
    CHECK(bindings.destination(address) == 0);
}

TEST_CASE_METHOD(Fixture, "the sync ring fills what the health ring has not touched in this incarnation") {
    health(state(5, kIsolated));
    consumer.poll();
    consumer.expect(kFirst + 1);
    incarnation = kFirst + 1;
    sequence = 0;
    sync(state(5, kGreen));
    consumer.poll();
    CHECK(state_of(5) == kGreen);
}

TEST_CASE_METHOD(Fixture, "END_OF_SYNC removes what was not mentioned, and only that") {
    for (const std::uint32_t endpoint : {5U, 6U, kCapacity - 1}) health(state(endpoint, kIsolated));
    sync(binding(MessageType::kBind, 6, kMac));
    consumer.poll();
    REQUIRE(bindings.destination(address) == 6);

    consumer.expect(kFirst + 1);
    incarnation = kFirst + 1;
    sync(state(5, kIsolated));
    health(state(9, kGreen));
    settle();
    // Nobody is released before END_OF_SYNC.
    CHECK(state_of(6) == kIsolated);
    CHECK(state_of(kCapacity - 1) == kIsolated);
    CHECK(bindings.destination(address) == 6);
    CHECK(synced() == 0);

    end_of_sync();
    settle();
    CHECK(state_of(5) == kIsolated);
    CHECK(state_of(6) == EndpointState{});
    CHECK(state_of(9) == kGreen);
    CHECK(state_of(kCapacity - 1) == EndpointState{});
    CHECK(bindings.destination(address) == 0);
    CHECK(synced() == kFirst + 1);
}

TEST_CASE_METHOD(Fixture, "END_OF_SYNC begins anew where the sweep for an earlier incarnation was left half-way") {
    sync(binding(MessageType::kBind, 6, kMac));
    sync(state(6, kGreen));
    end_of_sync();
    // Endpoints, then as far into the bindings that this one's entry is passed.
    for (unsigned loop = 0; loop < kCapacity / HealthConsumer::kMostSteps + 5; ++loop) consumer.poll();
    REQUIRE(synced() == 0);
    REQUIRE(bindings.destination(address) == 6);

    consumer.expect(kFirst + 1);
    incarnation = kFirst + 1;
    end_of_sync();
    settle();
    CHECK(synced() == kFirst + 1);
    CHECK(bindings.destination(address) == 0);
}

TEST_CASE_METHOD(Fixture, "a binding without room counts, and is told to those who lost something by it") {
    const auto other = [this](std::uint32_t i) {
        HealthMessage result = binding(MessageType::kBind, 7, kOtherMac);
        result.address = IpAddress::from_ipv4(i).bytes;
        return result;
    };
    health(binding(MessageType::kBind, 5, kMac));
    for (std::uint32_t i = 0; failed_binds() == 0; ++i) {
        REQUIRE(i < 8 * kCapacity);
        health(other(i));
        consumer.poll();
    }
    CHECK(skipped() == 0);
    const auto five = endpoints.word(5);
    const auto six = endpoints.word(6);
    const auto nobody = endpoints.word(0);
    quiescence.online(0);  // what is freed now stays reserved for this worker
    HealthMessage moved = binding(MessageType::kBind, 6, kMac);
    moved.address = IpAddress::from_ipv4(0xffffffffU).bytes;
    health(moved);
    consumer.poll();
    CHECK(failed_binds() == 2);
    CHECK(skipped() == 0);
    CHECK(endpoints.word(5) != five);
    CHECK(endpoints.word(6) != six);
    CHECK(endpoints.word(0) != nobody);
    quiescence.offline(0);
}

TEST_CASE_METHOD(Fixture, "the sync is acknowledged after every worker has passed a quiescent point") {
    quiescence.online(1);
    end_of_sync();
    settle();
    CHECK(gate.ready());
    CHECK(synced() == 0);
    quiescence.quiescent(1);
    consumer.poll();
    CHECK(synced() == kFirst);
}

TEST_CASE_METHOD(Fixture, "transit waits for END_OF_SYNC and a policy, in either order") {
    CHECK(memory.state().state.load() == static_cast<std::uint32_t>(DataplaneState::kStarting));
    consumer.poll();
    CHECK(memory.state().state.load() == static_cast<std::uint32_t>(DataplaneState::kWaiting));
    SECTION("policy first") {
        consumer.policy_loaded();
        consumer.poll();
        CHECK_FALSE(gate.ready());
        CHECK(memory.state().state.load() == static_cast<std::uint32_t>(DataplaneState::kWaiting));
        end_of_sync();
    }
    SECTION("sync first") {
        end_of_sync();
        settle();
        CHECK(memory.state().state.load() == static_cast<std::uint32_t>(DataplaneState::kWaiting));
        consumer.policy_loaded();
    }
    settle();
    CHECK(gate.ready());
    CHECK(memory.state().state.load() == static_cast<std::uint32_t>(DataplaneState::kForwarding));
}

TEST_CASE_METHOD(Fixture, "a resync of a forwarding dataplane keeps forwarding and isolations") {
    consumer.policy_loaded();
    health(state(5, kIsolated));
    end_of_sync();
    settle();
    REQUIRE(gate.ready());
    consumer.expect(kFirst + 1);
    incarnation = kFirst + 1;
    settle();
    CHECK(gate.ready());
    CHECK(state_of(5) == kIsolated);
    CHECK(memory.state().state.load() == static_cast<std::uint32_t>(DataplaneState::kForwarding));
}

TEST_CASE_METHOD(Fixture, "a binding that moves changes the words of both endpoints") {
    health(binding(MessageType::kBind, 5, kMac));
    consumer.poll();
    CHECK(bindings.destination(address) == 5);
    const auto nobody = endpoints.word(0);
    const auto five = endpoints.word(5);
    const auto six = endpoints.word(6);
    health(binding(MessageType::kBind, 6, kOtherMac));
    consumer.poll();
    CHECK(bindings.destination(address) == 6);
    CHECK(endpoints.word(5) != five);
    CHECK(endpoints.word(6) != six);
    CHECK(endpoints.word(0) != nobody);
}

TEST_CASE_METHOD(Fixture, "a binding told again changes nothing") {
    health(binding(MessageType::kBind, 5, kMac));
    consumer.poll();
    const std::uint32_t generation = endpoints.generation();
    health(binding(MessageType::kBind, 5, kMac));
    consumer.poll();
    CHECK(endpoints.generation() == generation);
    CHECK(applied() == 2);
}

TEST_CASE_METHOD(Fixture, "an address that is unbound is nobody's") {
    health(binding(MessageType::kBind, 5, kMac));
    consumer.poll();
    const auto word = endpoints.word(5);
    health(binding(MessageType::kUnbind, 5, kMac));
    consumer.poll();
    CHECK(bindings.destination(address) == 0);
    CHECK(endpoints.word(5) != word);
}

TEST_CASE_METHOD(Fixture, "a removed endpoint leaves no binding, and its slot's version goes on") {
    health(state(5, kIsolated));
    health(binding(MessageType::kBind, 5, kMac));
    consumer.poll();
    const auto word = endpoints.word(5);
    health(message(MessageType::kRemove, 5));
    consumer.poll();
    CHECK(state_of(5) == EndpointState{});
    CHECK(endpoints.word(5).version() > word.version());
    CHECK(bindings.destination(address) == 0);
}
