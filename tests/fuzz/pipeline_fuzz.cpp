// SPDX-License-Identifier: Apache-2.0
// The whole worker on hostile frames: nothing crashes, the books balance, no packet is lost, and nobody who is cut off
// gets through. The input is a script of bytes: an operation, its length, its frame; see run().
#include <rte_mempool.h>

#include <array>
#include <memory>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "heartgate/v1/policy.pb.h"
#include "tests/fuzz/input.h"
#include "tests/packet/pipeline/world.h"
#include "tests/zones.h"

using namespace heartgate::dataplane;
using namespace heartgate::dataplane::test;
using heartgate::contract::Colour;
using heartgate::contract::EndpointState;
using heartgate::contract::Presence;
using heartgate::fuzz::Input;
using heartgate::fuzz::require;

namespace {

constexpr EndpointState kGreen{.colour = Colour::kGreen, .presence = Presence::kConnected};
constexpr EndpointState kIsolated{.colour = Colour::kRed, .presence = Presence::kConnected, .isolated = true};
constexpr std::size_t kIp = ethernet::kLength;

// What a fuzzer would hardly find by itself.
enum Mend : unsigned { kMacs = 1, kHeaderChecksum = 2, kNatPort = 4, kQuotedNatPort = 8, kIcmpChecksum = 16 };

void mend(Bytes& frame, unsigned what, const World& world, Zone zone) {
    if (frame.size() < kIp + ipv4::kLength) return;
    const bool lan = zone.is_inside();
    if ((what & kMacs) != 0) {
        const MacAddress& to = world.machines.at(lan ? "gateway-lan" : "gateway-wan");
        const MacAddress& from = world.machines.at(lan ? "pc" : "router");
        std::copy(to.begin(), to.end(), frame.begin());
        std::copy(from.begin(), from.end(), frame.begin() + 6);
    }
    if (load16(&frame[ethernet::kType]) != ethernet::kIpv4) return;
    const std::size_t header = (frame[kIp] & 0xfU) * std::size_t{4};
    const std::size_t upper = kIp + header;
    const auto put_port = [&](std::size_t at) {
        if (at + 2 <= frame.size()) store16(&frame[at], world.nat_port);
    };
    if ((what & kNatPort) != 0) put_port(upper + (frame[kIp + ipv4::kProtocol] == IPPROTO_ICMP ? 4U : 2U));
    const std::size_t quoted = upper + icmp::kLength;
    if ((what & kQuotedNatPort) != 0 && quoted < frame.size())
        put_port(quoted + (frame[quoted] & 0xfU) * std::size_t{4});
    if ((what & kIcmpChecksum) != 0 && upper + icmp::kLength <= frame.size()) {
        const std::size_t end = std::min(frame.size(), kIp + load16(&frame[kIp + ipv4::kTotalLength]));
        if (end > upper + icmp::kLength) {
            store16(&frame[upper + icmp::kChecksum], 0);
            store_raw(&frame[upper + icmp::kChecksum], internet_checksum({&frame[upper], end - upper}));
        }
    }
    if ((what & kHeaderChecksum) != 0 && upper <= frame.size()) {
        store16(&frame[kIp + ipv4::kChecksum], 0);
        store_raw(&frame[kIp + ipv4::kChecksum], internet_checksum({&frame[kIp], header}));
    }
}

class Script {
public:
    Script(Input input, bool quarantine) : input_{input}, quarantine_{quarantine} {
        world_.words = false;
        heartgate::v1::Policy policy;
        policy.add_allowed()->set_network("203.0.113.99/32");
        heartgate::v1::Rule& rule = *policy.add_rules();
        rule.set_id(1);
        rule.set_name("internet");
        if (quarantine) rule.set_from_zone("lan");
        rule.set_action(heartgate::v1::ACCEPT);
        if (quarantine) rule.mutable_source()->set_require_heartbeat(true);
        world_.load_policy(policy);
        world_.gate->set_ready(true);
        for (const std::uint32_t endpoint : {kPc, kOther}) world_.set_state(endpoint, quarantine ? kIsolated : kGreen);
    }

    void run() {
        for (unsigned steps = 0; steps < 64 && !input_.empty(); ++steps) {
            const std::uint8_t operation = input_.byte() % 16;
            if (operation < 8) {
                arrive(test::kLanZone, 1 + operation % 2U);
            } else if (operation < 12) {
                arrive(test::kWanZone, 1);
            } else if (operation == 12) {
                world_.now_ms += input_.byte() * 500U;
                world_.loop();
            } else if (!quarantine_ && operation == 13) {
                const std::uint8_t how = input_.byte();
                world_.set_state((how & 1U) != 0 ? kPc : kOther, (how & 2U) != 0 ? kIsolated : kGreen);
            } else if (!quarantine_) {
                const Zone zone = operation == 14 ? test::kLanZone : test::kWanZone;
                const unsigned how = input_.byte();
                Bytes frame = take_frame();
                mend(frame, how & ~1U, world_, zone);
                world_.linux_sends(zone, frame);
                learn();
            }
        }
    }

private:
    Bytes take_frame() {
        const auto bytes = input_.bytes(input_.word() % 1600U);
        return {bytes.begin(), bytes.end()};
    }
    void arrive(Zone zone, unsigned count) {
        std::vector<Bytes> frames;
        for (unsigned i = 0; i < count; ++i) {
            const std::uint8_t how = input_.byte();
            frames.push_back(take_frame());
            mend(frames.back(), how, world_, zone);
        }
        const std::uint64_t generated = world_.worker->counters().generated.load();
        world_.receive(zone, frames);
        if (quarantine_) check_quarantine(world_.worker->counters().generated.load() - generated);
        learn();
    }

    // To the WAN goes what is for the allowed destination, and the appliance's own errors.
    void check_quarantine(std::uint64_t generated) const {
        std::uint64_t others = 0;
        for (const Bytes& frame : world_.sent) {
            const bool allowed = load16(&frame[ethernet::kType]) == ethernet::kIpv4 &&
                                 load_raw<std::uint32_t>(&frame[kIp + ipv4::kDestination]) == ip("203.0.113.99").ipv4();
            if (frame_source(frame) == world_.machines.at("gateway-wan") && !allowed) ++others;
        }
        require(others <= generated, "who is cut off reaches nothing but the allowed list");
    }
    void learn() {
        for (const Bytes& frame : world_.sent) {
            if (load16(&frame[ethernet::kType]) != ethernet::kIpv4) continue;
            const std::uint16_t port = source_port_of(frame, ip("198.51.100.1"));
            if (port != 0) world_.nat_port = port;
        }
    }

    Input input_;
    bool quarantine_;
    World world_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{data, size};
    const bool quarantine = (input.byte() & 1U) != 0;
    Script{input, quarantine}.run();
    require(rte_mempool_in_use_count(packet_pool()) == 0, "every buffer comes back");
    return 0;
}
