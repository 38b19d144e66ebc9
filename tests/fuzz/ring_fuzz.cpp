// SPDX-License-Identifier: Apache-2.0
// What is in the health and sync rings after a producer died or went mad: torn messages change nothing and do not keep
// an isolation away; whole ones with any contents keep to the tables.
#include <rte_ring_elem.h>

#include <cstring>

#include "dataplane/channel/health_consumer.h"
#include "tests/fuzz/input.h"
#include "tests/packet/verdict/eal.h"

using namespace heartgate::dataplane;
using heartgate::contract::Colour;
using heartgate::contract::EndpointState;
using heartgate::contract::EndpointWord;
using heartgate::contract::HealthMessage;
using heartgate::contract::MessageType;
using heartgate::contract::Presence;
using heartgate::fuzz::Input;
using heartgate::fuzz::require;

namespace {

constexpr std::uint32_t kCapacity = 64;
constexpr std::uint32_t kIncarnation = 77;
constexpr EndpointState kIsolated{.colour = Colour::kRed, .presence = Presence::kConnected, .isolated = true};

struct Dataplane {
    Quiescence quiescence{1};
    SharedMemory memory{kCapacity};
    EndpointTable endpoints{kCapacity};
    BindingTable bindings{kCapacity, quiescence};
    Gate gate{endpoints};
    HealthConsumer consumer{memory, endpoints, bindings, gate, quiescence};

    Dataplane() { consumer.expect(kIncarnation); }
    void put(bool sync, HealthMessage message) {
        (void)rte_ring_sp_enqueue_elem(sync ? memory.sync() : memory.health(), &message, sizeof(message));
    }
    void settle() {
        for (unsigned loop = 0; loop < 20; ++loop) consumer.poll();
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    start_eal();
    Input input{data, size};
    const bool whole = (input.byte() & 1U) != 0;  // else torn: no message has the right checksum
    Dataplane dataplane;
    const std::uint32_t generation = dataplane.endpoints.generation();
    while (!input.empty()) {
        const std::uint8_t how = input.byte();
        HealthMessage message;
        const auto bytes = input.bytes(sizeof(message));
        std::memcpy(static_cast<void*>(&message), bytes.data(), bytes.size());
        if ((how & 2U) != 0) message.incarnation = kIncarnation;
        message.checksum = heartgate::contract::checksum(message) ^ (whole ? 0U : 1U);
        dataplane.put((how & 1U) != 0, message);
        if ((how & 4U) != 0) dataplane.consumer.poll();
    }
    dataplane.settle();
    require(dataplane.bindings.size() <= kCapacity * BindingTable::kAddressesPerEndpoint, "bindings keep their bounds");
    require(!dataplane.gate.ready() || whole, "torn messages open nothing");
    if (whole) return 0;

    require(dataplane.endpoints.generation() == generation, "torn messages change nothing");
    require(dataplane.bindings.size() == 0, "torn messages bind nothing");
    HealthMessage isolation;
    isolation.incarnation = kIncarnation;
    isolation.endpoint = 7;
    isolation.sequence = 1;
    isolation.type = static_cast<std::uint8_t>(MessageType::kEndpointState);
    isolation.state = EndpointWord::encode(kIsolated);
    isolation.checksum = heartgate::contract::checksum(isolation);
    dataplane.put(false, isolation);
    dataplane.settle();
    require(dataplane.endpoints.word(7).state() == kIsolated, "torn messages do not keep an isolation away");
    return 0;
}
