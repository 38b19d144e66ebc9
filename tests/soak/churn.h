// SPDX-License-Identifier: Apache-2.0
// Everything that comes and goes, at random, around one worker: flows in all states, hostile frames, endpoints that are
// isolated and released, restarts of heartgated, policies, routes, neighbours, WAN addresses. Time runs faster than the
// clock on the wall, so that time-outs are part of it.
#pragma once

#include <random>

#include "dataplane/channel/health_consumer.h"
#include "tests/packet/pipeline/world.h"
#include "tests/soak/producer.h"

namespace heartgate::dataplane::test {

class Churn {
public:
    explicit Churn(std::uint64_t seed);

    // One burst, and perhaps a change. Throws std::logic_error if a packet is unaccounted for or an isolated machine
    // got through.
    void turn();
    // No more packets; time passes until everything has timed out.
    void come_to_rest();

    [[nodiscard]] const World& world() const { return world_; }

    // What happened, so that a run that did nothing is seen.
    std::uint64_t bursts = 0;
    std::uint64_t answered = 0;       // packets that went to the WAN and were answered
    std::uint64_t from_isolated = 0;  // packets of isolated machines, none of which passed
    std::uint64_t isolations = 0;
    std::uint64_t restarts = 0;

private:
    [[nodiscard]] std::uint32_t below(std::uint32_t end) { return static_cast<std::uint32_t>(random_() % end); }
    [[nodiscard]] bool one_in(std::uint32_t many) { return below(many) == 0; }
    [[nodiscard]] Bytes frame_of(std::uint32_t endpoint);
    void answer(const std::vector<Bytes>& sent);
    void change();
    void isolate_or_release();
    void restart();
    void load_any_policy();
    void change_network();
    void poll(unsigned times);

    std::mt19937_64 random_;
    World world_;
    SharedMemory memory_;
    HealthConsumer consumer_;
    Producer producer_;
};

}  // namespace heartgate::dataplane::test
