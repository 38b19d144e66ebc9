// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/directives.h"

#include <catch2/catch.hpp>

namespace {

using namespace heartgate;
using namespace heartgate::control;

constexpr std::size_t kFrame = 128UL << 10U;  // the most that heartgate-listener takes

struct Network {
    // The first one is healthy and connected; the others are cut off, with this many addresses each.
    Network(std::uint32_t machines, unsigned addresses) {
        for (std::uint32_t index = 1; index <= machines; ++index) {
            auto record = std::make_unique<EndpointRecord>();
            record->stored.index = index;
            record->stored.colour = index == 1 ? v1::GREEN : v1::RED;
            if (index != 1) record->decision = {CutOffCause::kColour, "internet"};
            for (unsigned host = 0; host < addresses; ++host) {
                const std::string address = "2001:db8::" + std::to_string(index) + ":" + std::to_string(host);
                std::string mac("\2\0\0\0\0\0", 6);
                mac[4] = static_cast<char>(index >> 8U);
                mac[5] = static_cast<char>(index);
                record->stored.bindings.push_back({mac, *IpAddress::from_text(address)});
            }
            records[index] = std::move(record);
        }
        records[1]->health.heartbeat(Instant{}, 1, {.order = {1, 1}, .colour = contract::Colour::kGreen});
        directives.mark(*records[1]);
        directives.flush(records);
    }
    std::vector<v1::Directive> sent;
    std::map<std::uint32_t, std::unique_ptr<EndpointRecord>> records;
    Directives directives{std::chrono::seconds{15},
                          [this](std::uint64_t, const v1::Directive& message) { sent.push_back(message); }, [] {}};
};

}  // namespace

TEST_CASE("an endpoint is told which machines to refuse, by MAC and address") {
    const Network network{3, 2};
    REQUIRE(network.sent.size() == 1);
    CHECK(network.sent[0].refuse_size() == 2);
    CHECK(network.sent[0].refuse(0).addresses_size() == 2);
}

TEST_CASE("however many machines are cut off, a directive fits its frame many times over") {
    const std::uint32_t machines = GENERATE(1'000U, 5'000U);
    const Network network{machines, 40};
    REQUIRE(network.sent.size() == 1);
    CHECK(network.sent[0].refuse_size() > 0);
    CHECK(network.sent[0].refuse(0).addresses_size() == 16);
    CHECK(network.sent[0].ByteSizeLong() < kFrame / 4);
    CHECK(network.sent[0].ByteSizeLong() * machines < (8UL << 20U));  // told to all at once
}
