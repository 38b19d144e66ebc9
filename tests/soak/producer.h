// SPDX-License-Identifier: Apache-2.0
// heartgated, as the dataplane sees it through the rings: tells changes, is killed and comes back with another
// incarnation and the full state, sometimes only with a part of it before it is killed again.
#pragma once

#include <rte_ring_elem.h>

#include <cstdint>
#include <map>
#include <vector>

#include "dataplane/channel/health_consumer.h"

namespace heartgate::dataplane::test {

struct KnownEndpoint {
    contract::EndpointState state;
    MacAddress mac{};
    std::vector<IpAddress> addresses;
};

class Producer {
public:
    Producer(SharedMemory& memory, HealthConsumer& consumer) : memory_{memory}, consumer_{consumer} {}

    std::map<std::uint32_t, KnownEndpoint> endpoints;

    // `most`: messages of the full state that it can send before it is killed.
    void start(std::size_t most) {
        consumer_.expect(++incarnation_);
        sequence_ = 0;
        std::size_t sent = 0;
        const auto put = [&](const contract::HealthMessage& message) {
            if (sent++ < most) send(memory_.sync(), message);
        };
        for (const auto& [number, endpoint] : endpoints) {
            put(state_of(number));
            for (const IpAddress& address : endpoint.addresses) put(binding_of(number, address));
        }
        put(message(contract::MessageType::kEndOfSync, 0));
    }
    void tell(std::uint32_t number) { send(memory_.health(), state_of(number)); }

private:
    [[nodiscard]] contract::HealthMessage message(contract::MessageType type, std::uint32_t number) {
        contract::HealthMessage made;
        made.incarnation = incarnation_;
        made.endpoint = number;
        made.sequence = ++sequence_;
        made.type = static_cast<std::uint8_t>(type);
        return made;
    }
    [[nodiscard]] contract::HealthMessage state_of(std::uint32_t number) {
        auto made = message(contract::MessageType::kEndpointState, number);
        made.state = contract::EndpointWord::encode(endpoints.at(number).state);
        return made;
    }
    [[nodiscard]] contract::HealthMessage binding_of(std::uint32_t number, const IpAddress& address) {
        auto made = message(contract::MessageType::kBind, number);
        made.mac = endpoints.at(number).mac;
        made.address = address.bytes;
        return made;
    }
    static void send(rte_ring* ring, const contract::HealthMessage& message) {
        contract::HealthMessage sealed = message;
        sealed.checksum = contract::checksum(sealed);
        if (rte_ring_sp_enqueue_elem(ring, &sealed, sizeof(sealed)) != 0) throw std::runtime_error{"a ring is full"};
    }

    SharedMemory& memory_;
    HealthConsumer& consumer_;
    std::uint32_t incarnation_ = 0;
    std::uint64_t sequence_ = 0;
};

}  // namespace heartgate::dataplane::test
