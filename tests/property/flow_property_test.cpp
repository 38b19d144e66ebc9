// SPDX-License-Identifier: Apache-2.0
// The flow table against a plain map. It has room for a few flows and ports only, so that inserts fail half-way, too.
#include <algorithm>
#include <compare>
#include <map>
#include <ostream>
#include <set>
#include <vector>

#include "dataplane/packet/address_text.h"
#include "tests/packet/flow/flow_fixture.h"
#include "tests/property/steps.h"

using namespace heartgate::dataplane;
using namespace heartgate::dataplane::test;
using heartgate::contract::DropReason;

namespace {

constexpr std::uint32_t kMostFlows = 12;
constexpr NatPortRange kFewPorts{.first = 2000, .last = 2003};
constexpr std::uint32_t kTimeoutMs = 10'000;
constexpr std::uint32_t kLateMs = 4'000;  // a flow may outlive its time-out by this much

struct Tuple {
    bool ipv6 = false;
    std::uint32_t host = 0;  // of odd ones nothing is translated
    std::uint16_t port = 0;
    std::uint32_t server = 0;
    std::uint8_t protocol = IPPROTO_UDP;

    [[nodiscard]] bool translated() const { return !ipv6 && host % 2 == 0; }
    [[nodiscard]] NewFlow flow() const {
        NewFlow made = FlowFixture::udp(host, port, kServer + server);
        made.question.protocol = protocol;
        made.translate = translated();
        if (ipv6) {
            made.question.ether_type = 0x86dd;
            made.question.source = parse_ip("2001:db8:1::10").value();
            made.question.source.bytes[15] = static_cast<std::uint8_t>(host);
            made.question.destination = parse_ip("2001:db8:ffff::").value();
            made.question.destination.bytes[15] = static_cast<std::uint8_t>(server);
            if (protocol == IPPROTO_ICMP) made.question.protocol = IPPROTO_ICMPV6;
        }
        return made;
    }
    friend auto operator<=>(const Tuple&, const Tuple&) = default;
};

enum class Do : std::uint8_t { kInsert, kPacket, kWait };

struct Step {
    Do what = Do::kInsert;
    Tuple tuple;
    unsigned worker = 0;
    std::uint32_t wait_ms = 0;
};

std::ostream& operator<<(std::ostream& out, const Step& step) {
    if (step.what == Do::kWait) return out << "wait " << step.wait_ms << " ms";
    return out << (step.what == Do::kInsert ? "insert" : "packet of") << (step.tuple.ipv6 ? " IPv6" : "") << " host "
               << step.tuple.host << " port " << step.tuple.port << " server " << step.tuple.server << " protocol "
               << static_cast<int>(step.tuple.protocol) << " worker " << step.worker;
}

rc::Gen<Step> any_step() {
    const auto tuple = rc::gen::build<Tuple>(
        rc::gen::set(&Tuple::ipv6, rc::gen::weightedElement<bool>({{3, false}, {1, true}})),
        rc::gen::set(&Tuple::host, below(4U)), rc::gen::set(&Tuple::port, rc::gen::inRange<std::uint16_t>(1, 4)),
        rc::gen::set(&Tuple::server, below(2U)),
        rc::gen::set(&Tuple::protocol,
                     rc::gen::element<std::uint8_t>(std::uint8_t{IPPROTO_UDP}, std::uint8_t{IPPROTO_TCP},
                                                    std::uint8_t{IPPROTO_ICMP})));
    return rc::gen::build<Step>(
        rc::gen::set(&Step::what, rc::gen::weightedElement<Do>({{5, Do::kInsert}, {2, Do::kPacket}, {1, Do::kWait}})),
        rc::gen::set(&Step::tuple, tuple), rc::gen::set(&Step::worker, below(2U)),
        rc::gen::set(&Step::wait_ms, below(kTimeoutMs)));
}

FlowTableOptions few() {
    FlowTableOptions options = small(kMostFlows, kMostFlows);
    options.nat_ports = kFewPorts;
    options.timeouts = {.udp_one_way = kTimeoutMs / 1000,
                        .udp = kTimeoutMs / 1000,
                        .tcp_transitory = kTimeoutMs / 1000,
                        .tcp_established = kTimeoutMs / 1000,
                        .icmp = kTimeoutMs / 1000};
    return options;
}

class Model {
public:
    void run(const Step& step) {
        switch (step.what) {
            case Do::kInsert:
                insert(step);
                break;
            case Do::kPacket: {
                const FlowRef found = find(step.tuple);
                if (found.record != nullptr && found.record->seen(flows_.now_ms)) seen_[step.tuple] = flows_.now_ms;
                break;
            }
            case Do::kWait:
                flows_.pass(step.wait_ms);
                break;
        }
        flows_.loop();
        agree();
    }
    void end() {
        flows_.pass(kTimeoutMs + kLateMs);
        RC_ASSERT(flows_.table->flows() == 0U);
        RC_ASSERT(flows_.table->nat_mappings() == 0U);
        // No record has been lost: the table takes as many flows as in the beginning.
        for (const bool ipv6 : {false, true}) {
            for (std::uint16_t port = 1; port <= kMostFlows; ++port) {
                RC_ASSERT(flows_.insert(Tuple{.ipv6 = ipv6, .host = 1, .port = port}.flow()).inserted);
            }
        }
    }

private:
    template <class Key>
    FlowRef find_either_way(const NewFlow& flow) const {
        const FlowRef forward = flows_.find(forward_key<Key>(flow.question, 0));
        if (forward.record == nullptr) return forward;
        const FlowRef reply = flows_.find(reply_key<Key>(*forward.record));
        RC_ASSERT(forward.direction == Direction::kForward);
        RC_ASSERT(reply.record == forward.record);
        RC_ASSERT(reply.direction == Direction::kReply);
        return forward;
    }
    [[nodiscard]] FlowRef find(const Tuple& tuple) const {
        const NewFlow flow = tuple.flow();
        return tuple.ipv6 ? find_either_way<FlowKey6>(flow) : find_either_way<FlowKey4>(flow);
    }
    [[nodiscard]] std::size_t live(bool ipv6) const {
        return static_cast<std::size_t>(
            std::count_if(seen_.begin(), seen_.end(), [&](const auto& entry) { return entry.first.ipv6 == ipv6; }));
    }
    // Inside (host, port, protocol): each has one mapping, whatever the number of its servers.
    [[nodiscard]] std::set<Tuple> insides() const {
        std::set<Tuple> all;
        for (const auto& [tuple, when] : seen_) {
            if (tuple.translated()) all.insert({.host = tuple.host, .port = tuple.port, .protocol = tuple.protocol});
        }
        return all;
    }

    // What the table may answer, and that nothing is left of a refused flow.
    void insert(const Step& step) {
        const Tuple& tuple = step.tuple;
        const std::set<Tuple> mapped = insides();
        const bool known = seen_.contains(tuple);
        const bool full = live(tuple.ipv6) == kMostFlows;
        const bool has_mapping = mapped.contains({.host = tuple.host, .port = tuple.port, .protocol = tuple.protocol});
        const auto taken = std::count_if(mapped.begin(), mapped.end(),
                                         [&](const Tuple& inside) { return inside.protocol == tuple.protocol; });
        const bool no_port = tuple.translated() && !has_mapping && taken == kFewPorts.last - kFewPorts.first + 1;

        const InsertResult made = flows_.insert(tuple.flow(), step.worker);
        RC_ASSERT(made.inserted == (!known && !full && !no_port));
        if (made.inserted) seen_[tuple] = flows_.now_ms;
        if (known) RC_ASSERT(made.flow.record == find(tuple).record);
        if (known || made.inserted) {
            RC_ASSERT(made.reason == DropReason::kNone);
        } else {
            RC_ASSERT(made.flow.record == nullptr);
            RC_ASSERT(made.reason == (full ? DropReason::kFlowTableFull : DropReason::kNoNatPort));
        }
    }

    void agree() {
        for (auto entry = seen_.begin(); entry != seen_.end();) {
            const FlowRef found = find(entry->first);
            const std::uint32_t silent = flows_.now_ms - entry->second;
            if (found.record == nullptr) {
                RC_ASSERT(silent >= kTimeoutMs);
                entry = seen_.erase(entry);
                continue;
            }
            RC_ASSERT(silent <= kTimeoutMs + kLateMs);
            const Question question = entry->first.flow().question;
            RC_ASSERT(found.record->question().source == question.source);
            RC_ASSERT(found.record->question().source_port == question.source_port);
            RC_ASSERT(found.record->question().destination == question.destination);
            RC_ASSERT(found.record->translated() == entry->first.translated());
            ++entry;
        }
        RC_ASSERT(std::size_t{flows_.table->flows()} == seen_.size());
        RC_ASSERT(std::size_t{flows_.table->nat_mappings()} == insides().size());
    }

    FlowFixture flows_{few()};
    std::map<Tuple, std::uint32_t> seen_;  // live flows, and when they were last seen
};

}  // namespace

TEST_CASE("the flow table does what a plain map would") {
    rc::prop("inserts, packets and time, in any order", [] {
        Model model;
        for (const Step& step : *rc::gen::scale(2.0, rc::gen::container<std::vector<Step>>(any_step()))) {
            model.run(step);
        }
        model.end();
    });
}
