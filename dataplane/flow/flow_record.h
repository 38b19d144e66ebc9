// SPDX-License-Identifier: Apache-2.0
// A flow. The first cache line holds all that a hit needs, the second what a new decision, ageing and people need.
// How records come and go is the flow table's; what their fields mean for a packet is the worker stages'.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/contract/drop_reason.h"
#include "dataplane/contract/endpoint_word.h"
#include "dataplane/flow/flow_key.h"
#include "dataplane/flow/flow_state.h"
#include "dataplane/nat/checksum_delta.h"
#include "dataplane/packet/address.h"
#include "dataplane/policy/gate.h"
#include "dataplane/port/zone.h"

namespace heartgate::dataplane {

inline constexpr std::uint16_t kUnknownNextHop = 0xffff;  // look the route up before sending
inline constexpr std::uint32_t kNoRecord = 0xffffffff;
inline constexpr std::uint32_t kNoMapping = 0xffffffff;

// A verdict together with what it was based on.
struct Decision {
    Verdict verdict;
    std::uint32_t generation = 0;  // as loaded before anything else of the burst
    std::uint32_t source_endpoint = 0;
    std::uint32_t destination_endpoint = 0;
    PackedMac lan_mac = 0;
};

class alignas(64) FlowRecord {
public:
    // --- Reader: any worker between two quiescent points.

    // Does the recorded verdict stand for a packet of this burst? `lan_mac` is the packet's source if it came from the
    // LAN, else 0, which matches all. If not: compare the words, then try_refresh() or decide anew and try_store().
    [[nodiscard]] bool current(std::uint32_t generation, std::uint32_t policy_epoch, PackedMac lan_mac) const noexcept {
        return generation_.load(std::memory_order_acquire) == generation &&
               policy_epoch_.load(std::memory_order_acquire) == policy_epoch &&
               (lan_mac == 0 || lan_mac_.load(std::memory_order_acquire) == lan_mac);
    }
    [[nodiscard]] std::uint32_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }
    [[nodiscard]] std::uint32_t policy_epoch() const noexcept { return policy_epoch_.load(std::memory_order_acquire); }
    [[nodiscard]] PackedMac lan_mac() const noexcept { return lan_mac_.load(std::memory_order_acquire); }
    [[nodiscard]] contract::DropReason reason() const noexcept {
        return static_cast<contract::DropReason>(reason_.load(std::memory_order_relaxed));
    }
    [[nodiscard]] std::uint32_t rule() const noexcept { return rule_.load(std::memory_order_relaxed); }
    // Words before endpoints: a word that is new comes with its endpoint. Index 0: initiator, 1: responder.
    [[nodiscard]] contract::EndpointWord word(std::size_t side) const noexcept {
        return contract::EndpointWord{word_[side].load(std::memory_order_acquire)};
    }
    [[nodiscard]] std::uint32_t endpoint(std::size_t side) const noexcept {
        return endpoint_[side].load(std::memory_order_acquire);
    }
    // Are both recorded words still those of the table? A side that is not on the LAN has no endpoint: what changes for
    // machines without one does not concern it.
    [[nodiscard]] bool words_stand(const EndpointTable& endpoints) const noexcept;
    [[nodiscard]] Verdict verdict() const noexcept {
        Verdict verdict;
        verdict.policy_epoch = policy_epoch();
        verdict.source_word = word(0);
        verdict.destination_word = word(1);
        verdict.reason = reason();
        verdict.rule = rule();
        return verdict;
    }

    // Route: the cached next hop towards which a packet of `direction` goes, valid for route_epoch().
    [[nodiscard]] std::uint32_t route_epoch() const noexcept { return route_epoch_.load(std::memory_order_acquire); }
    [[nodiscard]] std::uint16_t next_hop(Direction direction) const noexcept {
        return next_hop_[index(direction)].load(std::memory_order_relaxed);
    }
    // Where packets of `direction` come from and go to; what is asked of every packet are the zones' roles.
    [[nodiscard]] Zone from(Direction direction) const noexcept { return zone_[index(direction)]; }
    [[nodiscard]] Zone to(Direction direction) const noexcept { return from(opposite(direction)); }
    [[nodiscard]] ZoneRole from_role(Direction direction) const noexcept {
        return static_cast<ZoneRole>((traits_ >> (kRoleShift + 2U * index(direction))) & 3U);
    }
    [[nodiscard]] ZoneRole to_role(Direction direction) const noexcept { return from_role(opposite(direction)); }

    // Source NAT. kForward: the source becomes this, which is where the answers go; kReply: the destination becomes
    // this. Network order; the port is the identifier of an ICMP echo.
    [[nodiscard]] bool translated() const noexcept { return (traits_ & kTranslated) != 0; }
    [[nodiscard]] std::uint32_t rewrite_address(Direction direction) const noexcept {
        return direction == Direction::kForward ? outside().destination : inside().source;
    }
    [[nodiscard]] std::uint16_t rewrite_port(Direction direction) const noexcept {
        return direction == Direction::kForward ? outside().destination_port : inside().source_port;
    }
    // Destination NAT besides (TCP and UDP). kForward: the destination becomes this; kReply: the source does.
    [[nodiscard]] bool is_page() const noexcept { return redirect_ == Redirect::kPage; }
    [[nodiscard]] bool redirected() const noexcept { return (traits_ & kRedirected) != 0; }
    [[nodiscard]] std::uint32_t redirect_address(Direction direction) const noexcept {
        return direction == Direction::kForward ? outside().source : inside().destination;
    }
    [[nodiscard]] std::uint16_t redirect_port(Direction direction) const noexcept {
        return direction == Direction::kForward ? outside().source_port : inside().destination_port;
    }
    [[nodiscard]] std::uint16_t redirect_address_delta(Direction direction) const noexcept {
        return checksum_delta(redirect_address(opposite(direction)), redirect_address(direction));
    }
    [[nodiscard]] std::uint16_t redirect_port_delta(Direction direction) const noexcept {
        return checksum_delta(redirect_port(opposite(direction)), redirect_port(direction));
    }
    // What to add to a checksum (nat/checksum_delta.h): of the IPv4 header, and of TCP, UDP or ICMP.
    [[nodiscard]] std::uint16_t address_delta(Direction direction) const noexcept {
        return checksum_delta(rewrite_address(opposite(direction)), rewrite_address(direction));
    }
    [[nodiscard]] std::uint16_t transport_delta(Direction direction) const noexcept {
        const std::uint16_t ports = checksum_delta(rewrite_port(opposite(direction)), rewrite_port(direction));
        return protocol_ == IPPROTO_ICMP ? ports : add_deltas(address_delta(direction), ports);  // no pseudo header
    }

    static constexpr std::uint32_t kSeenEveryMs = 1000;
    // Life. seen(): true (at most once a second) if it stored the time, the moment to report activity elsewhere, too.
    bool seen(std::uint32_t now_ms) noexcept {
        if (now_ms - last_seen_ms_.load(std::memory_order_relaxed) < kSeenEveryMs) return false;
        last_seen_ms_.store(now_ms, std::memory_order_relaxed);
        return true;
    }
    [[nodiscard]] std::uint32_t last_seen_ms() const noexcept { return last_seen_ms_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint8_t state() const noexcept { return state_.load(std::memory_order_relaxed); }
    // `tcp_flags`: 0 but for TCP. True: the flow is settled from now on (two workers at
    // once may both say so).
    bool advance_state(std::uint8_t protocol, Direction direction, std::uint8_t tcp_flags) noexcept {
        const std::uint8_t before = state();
        const std::uint8_t after = flow_state::after(before, protocol, direction, tcp_flags);
        if (after == before) [[likely]]
            return false;
        state_.store(after, std::memory_order_relaxed);
        return flow_state::settled(protocol, after) && !flow_state::settled(protocol, before);
    }

    // The key of an IPv4 flow's packets of `direction`, as the index finds them; constant for the record's life.
    [[nodiscard]] const FlowKey4& key4(Direction direction) const noexcept { return ends_.keys[index(direction)]; }
    // The initiator's original tuple, constant for the record's life.
    [[nodiscard]] bool ipv6() const noexcept { return (traits_ & kIpv6) != 0; }
    [[nodiscard]] std::uint8_t protocol() const noexcept { return protocol_; }
    // VLAN on which packets of `direction` arrive.
    [[nodiscard]] std::uint16_t vlan(Direction direction) const noexcept { return vlan_[index(direction)]; }
    [[nodiscard]] Question question() const noexcept;

    // --- Writer: any worker, one at a time per record; false if another worker is just writing or the record holds
    // something newer. The packet at hand then goes by the caller's own decision, and the next one asks again.

    // Decided anew.
    bool try_store(const Decision& decision) noexcept;
    // The verdict stands if both endpoints' words are still the recorded ones: compared in here, against the table's
    // (loaded after `generation`), so that no decision of a slower worker can slip in between. Read reason()
    // after it has returned true.
    bool try_refresh(std::uint32_t generation, const EndpointTable& endpoints) noexcept;
    // The route of `direction` was looked up under `epoch`. The other direction's is forgotten if it is of another one.
    bool try_route(Direction direction, std::uint16_t next_hop, std::uint32_t epoch) noexcept;

private:
    friend class FlowTable;
    friend class FlowTimer;

    enum class Life : std::uint8_t { kFree, kLive, kUnlinked };

    static constexpr std::uint8_t kIpv6 = 1U << 0U;
    static constexpr std::uint8_t kTranslated = 1U << 1U;
    static constexpr unsigned kRoleShift = 2;  // two bits each: initiator's zone, responder's
    static constexpr std::uint8_t kRedirected = 1U << 6U;

    // Two keys say what NAT does to a flow: what one direction comes in with, the other goes out with.
    union Ends {
        std::array<FlowKey4, 2> keys;        // IPv4, by Direction
        std::array<IpAddress, 2> addresses;  // IPv6: of the initiator's tuple; the keys are beside the records
        Ends() noexcept : addresses{} {}
    };
    [[nodiscard]] const FlowKey4& inside() const noexcept { return key4(Direction::kForward); }
    [[nodiscard]] const FlowKey4& outside() const noexcept { return key4(Direction::kReply); }

    bool claim() noexcept { return !busy_.exchange(true, std::memory_order_acquire); }
    void unclaim() noexcept { busy_.store(false, std::memory_order_release); }

    // The inserting worker, before publication.
    Ends ends_;
    // Guards: stored after what they guard (release), loaded before it (acquire). Whoever sees a new guard sees a
    // verdict at least as new.
    std::atomic<std::uint32_t> generation_{0};
    std::atomic<std::uint32_t> policy_epoch_{0};
    std::atomic<std::uint32_t> route_epoch_{0};
    std::atomic<std::uint32_t> last_seen_ms_{0};
    std::atomic<PackedMac> lan_mac_{0};
    std::array<std::atomic<std::uint16_t>, 2> next_hop_{};
    std::atomic<std::uint8_t> reason_{0};
    std::uint8_t traits_ = 0;
    std::atomic<std::uint8_t> state_{0};
    std::uint8_t protocol_ = 0;
    // Second line. Read when the generation has moved on.
    alignas(64) std::array<std::atomic<std::uint32_t>, 2> endpoint_{};
    std::array<std::atomic<std::uint32_t>, 2> word_{};
    std::atomic<std::uint32_t> rule_{0};
    // Tuple, mapping, times and worker: the inserting worker, before publication.
    std::uint16_t source_port_ = 0;       // host order, as in Question
    std::uint16_t destination_port_ = 0;  // host order, as in Question: of who really gets the packets
    std::array<std::uint16_t, 2> vlan_{};
    std::array<Zone, 2> zone_{};  // by Direction: from which its packets come
    Redirect redirect_ = Redirect::kNone;
    Zone asked_to_{};  // to the page: where the packets were to go
    std::uint32_t mapping_ = kNoMapping;
    std::uint32_t next_ = kNoRecord;  // free list (under the table's lock) or timer list (owning worker)
    std::uint32_t created_ms_ = 0;
    std::atomic<bool> busy_{false};
    std::atomic<Life> life_{Life::kFree};
    std::uint16_t worker_ = 0;  // whose timer it is on
};
static_assert(sizeof(FlowRecord) == 128);

}  // namespace heartgate::dataplane
