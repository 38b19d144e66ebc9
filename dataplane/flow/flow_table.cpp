// SPDX-License-Identifier: Apache-2.0
// How flows come and go; see the header. Ageing is in flow_ageing.cpp, the copy for people in flow_snapshot.cpp.
#include "dataplane/flow/flow_table.h"

#include <arpa/inet.h>
#include <rte_malloc.h>

#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>

#include "dataplane/flow/flow_tuple.h"

namespace heartgate::dataplane {

namespace {

template <class T>
T* reserve(std::uint32_t count, int socket) {
    void* memory = rte_malloc_socket("flow_records", std::size_t{count} * sizeof(T), alignof(FlowRecord), socket);
    if (memory == nullptr) {
        throw std::runtime_error("flow table: no memory for " + std::to_string(count) +
                                 " flows; give DPDK more memory (dpdk.memory_mb) or allow fewer flows");
    }
    auto* const objects = static_cast<T*>(memory);
    std::uninitialized_value_construct_n(objects, count);
    return objects;
}

}  // namespace

void FlowTable::Free::operator()(void* memory) const noexcept { rte_free(memory); }

FlowTable::FlowTable(const FlowTableOptions& options, Quiescence& quiescence)
    : quiescence_{quiescence},
      timeouts_{options.timeouts},
      crowded_ms_{options.crowded == 0 ? 0xffff'ffffU : options.crowded * 1000U},
      memory_{options.socket},
      capacity_{options.ipv4_flows + options.ipv6_flows},
      records_{reserve<FlowRecord>(capacity_, options.socket)},
      keys6_{reserve<FlowKey6>(2 * options.ipv6_flows + 1, options.socket)},
      timers_(options.workers),
      ipv4_{.index = {2 * options.ipv4_flows, records_[0].ends_.keys.data(), options.socket},
            .first = 0,
            .most = options.ipv4_flows},
      ipv6_{.index = {2 * options.ipv6_flows, keys6_.get(), options.socket},
            .first = options.ipv4_flows,
            .most = options.ipv6_flows},
      nat_{capacity_, options.nat_ports, hash_, &memory_},
      sources_{options.quota, capacity_} {
    for (std::uint32_t record = capacity_; record-- > 0;) give_record(record);
}

FlowTable::~FlowTable() = default;

InsertResult FlowTable::insert(const NewFlow& flow, unsigned worker, std::uint32_t now_ms) noexcept {
    return flow.question.source.is_ipv4() ? insert_into(ipv4_, flow, worker, now_ms)
                                          : insert_into(ipv6_, flow, worker, now_ms);
}

template <class Key>
InsertResult FlowTable::insert_into(Family<Key>& family, const NewFlow& flow, unsigned worker,
                                    std::uint32_t now_ms) noexcept {
    const Key forward = forward_key<Key>(flow.question, flow.vlan);
    const std::uint32_t forward_hash = hash_(forward);
    std::uint32_t index = kNoRecord;
    {
        const std::scoped_lock guard{lock_};
        std::uint32_t value = 0;
        if (family.index.find(forward, forward_hash, value)) {
            return {
                .flow = {.record = &records_[family.record(value)], .direction = static_cast<Direction>(value & 1U)}};
        }
        const std::uint64_t source = sources_.key_of(flow);
        const contract::DropReason quota = sources_.check(source);
        if (quota != contract::DropReason::kNone) return {.flow = {}, .reason = quota};
        index = take_record(family);
        if (index == kNoRecord) return {.flow = {}, .reason = contract::DropReason::kFlowTableFull};
        fill(records_[index], flow, worker, now_ms);
        const contract::DropReason reason = link(family, index, flow, forward, forward_hash);
        if (reason != contract::DropReason::kNone) return {.flow = {}, .reason = reason};
        sources_.opened(index, source);
    }
    const FlowRecord& record = records_[index];
    timers_[worker].add(records_.get(), index, turn_ms(record, left_ms(record, now_ms)), now_ms);
    return {.flow = {.record = &records_[index]}, .inserted = true};
}

void FlowTable::fill(FlowRecord& record, const NewFlow& flow, unsigned worker, std::uint32_t now_ms) noexcept {
    constexpr auto kRelaxed = std::memory_order_relaxed;  // published in link()
    const Question& question = flow.question;
    const Decision& decision = flow.decision;
    record.policy_epoch_.store(decision.verdict.policy_epoch, kRelaxed);
    record.route_epoch_.store(flow.route_epoch, kRelaxed);
    record.last_seen_ms_.store(now_ms, kRelaxed);
    record.lan_mac_.store(decision.lan_mac, kRelaxed);
    record.endpoint_[0].store(decision.source_endpoint, kRelaxed);
    record.endpoint_[1].store(decision.destination_endpoint, kRelaxed);
    record.word_[0].store(decision.verdict.source_word.raw(), kRelaxed);
    record.word_[1].store(decision.verdict.destination_word.raw(), kRelaxed);
    record.next_hop_[0].store(flow.next_hop, kRelaxed);
    record.next_hop_[1].store(flow.reply_next_hop, kRelaxed);
    record.reason_.store(static_cast<std::uint8_t>(decision.verdict.reason), kRelaxed);
    record.rule_.store(decision.verdict.rule, kRelaxed);
    record.traits_ =
        static_cast<std::uint8_t>((question.source.is_ipv4() ? 0U : FlowRecord::kIpv6) |
                                  static_cast<unsigned>(question.from.role()) << FlowRecord::kRoleShift |
                                  static_cast<unsigned>(question.to.role()) << (FlowRecord::kRoleShift + 2U));
    record.redirect_ = question.redirect;
    record.asked_to_ = question.asked_to;
    if (question.redirect != Redirect::kNone) record.traits_ |= FlowRecord::kTranslated | FlowRecord::kRedirected;
    record.protocol_ = question.protocol;
    record.state_.store(question.protocol == IPPROTO_TCP ? flow_state::after_tcp(0, Direction::kForward, flow.tcp_flags)
                                                         : std::uint8_t{0},
                        kRelaxed);
    if (record.ipv6()) {
        record.ends_.addresses = {question.source, question.destination};
    } else {
        const auto forward = forward_key<FlowKey4>(question, flow.vlan);
        record.ends_.keys = {forward, answer_key(redirected_key(forward, question), question.to, flow.reply_vlan)};
    }
    record.source_port_ = question.source_port;
    record.destination_port_ = question.destination_port;
    record.vlan_ = {flow.vlan, flow.reply_vlan};
    record.zone_ = {question.from, question.to};
    record.mapping_ = kNoMapping;
    record.created_ms_ = now_ms;
    record.worker_ = static_cast<std::uint16_t>(worker);
    record.busy_.store(false, kRelaxed);
}

// Mapping, reply key, forward key; all of it or nothing. The forward key comes last: whoever finds it may send, and
// the answer will be known.
template <class Key>
contract::DropReason FlowTable::link(Family<Key>& family, std::uint32_t index, const NewFlow& flow, const Key& forward,
                                     std::uint32_t forward_hash) noexcept {
    FlowRecord& record = records_[index];
    contract::DropReason reason = contract::DropReason::kNone;
    // What Linux sends keeps its port: NAT and Linux use different ones.
    if (flow.translate && !flow.question.from.is_appliance() && !record.ipv6()) {
        reason = translate(record);
    } else {
        reason = make_room(family, record);
    }
    if (reason != contract::DropReason::kNone) {
        drop_record(index);
        return reason;
    }
    // Publishes the record, together with the keys: workers load the generation before anything else of it.
    record.generation_.store(flow.decision.generation, std::memory_order_release);
    const Key reply = reply_key<Key>(record);
    const std::uint32_t reply_hash = hash_(reply);
    if (!family.index.add(reply, reply_hash, family.value(index, Direction::kReply))) {
        drop_record(index);
        return contract::DropReason::kFlowTableFull;
    }
    if (!family.index.add(forward, forward_hash, family.value(index, Direction::kForward))) {
        // Another worker may have found the record by its reply key.
        retire({.record = index, .reply_slot = family.index.remove(reply, reply_hash), .ipv6 = record.ipv6()});
        return contract::DropReason::kFlowTableFull;
    }
    record.life_.store(FlowRecord::Life::kLive, std::memory_order_release);
    ++family.live;
    family.count();
    flows_.store(ipv4_.live + ipv6_.live, std::memory_order_relaxed);
    return contract::DropReason::kNone;
}

contract::DropReason FlowTable::translate(FlowRecord& record) noexcept {
    constexpr unsigned kTries = 16;  // ports whose answer key is taken, by a flow that Linux or somebody outside opened
    const FlowKey4& key = record.inside();
    const NatPool::Inside inside{.address = key.source, .port = key.source_port, .protocol = key.protocol};
    const NatPool::Acquired acquired = nat_.acquire(inside);
    if (acquired.mapping == NatPool::kNone) {
        return acquired.quota ? contract::DropReason::kNatQuota : contract::DropReason::kNoNatPort;
    }
    record.mapping_ = acquired.mapping;
    mappings_.store(nat_.mappings(), std::memory_order_relaxed);
    record.traits_ |= FlowRecord::kTranslated;
    for (unsigned tries = 0; tries < kTries; ++tries) {
        const NatPool::Outside outside = nat_.outside(acquired.mapping);
        FlowKey4& reply = record.ends_.keys[dataplane::index(Direction::kReply)];
        reply.destination = outside.address;
        reply.destination_port = outside.port;
        std::uint32_t value = 0;
        if (!ipv4_.index.find(reply, hash_(reply), value)) return contract::DropReason::kNone;
        if (acquired.shared || !nat_.renumber(acquired.mapping)) break;
    }
    return contract::DropReason::kNoNatPort;
}

// Without translation the reply key may belong to a flow that came another way before (the same tuple from another
// VLAN): that one is over. A translated flow's key is nobody else's, though: Linux then has to choose another port.
template <class Key>
contract::DropReason FlowTable::make_room(Family<Key>& family, const FlowRecord& record) noexcept {
    const auto reply = reply_key<Key>(record);
    std::uint32_t value = 0;
    if (!family.index.find(reply, hash_(reply), value)) return contract::DropReason::kNone;
    const FlowRecord& other = records_[family.record(value)];
    const bool page = other.redirect_ == Redirect::kPage;  // of the same port of a browser, for another site
    if (other.translated() && !page) return contract::DropReason::kNoNatPort;
    if (retired_.full()) return contract::DropReason::kFlowTableFull;
    unlink(family.record(value), false);
    return contract::DropReason::kNone;
}

template <class Key>
Retired FlowTable::take_out(Family<Key>& family, FlowRecord& record) noexcept {
    const auto forward = forward_key<Key>(record.question(), record.vlan(Direction::kForward));
    const auto reply = reply_key<Key>(record);
    --family.live;
    family.count();
    return {.forward_slot = family.index.remove(forward, hash_(forward)),
            .reply_slot = family.index.remove(reply, hash_(reply)),
            .ipv6 = record.ipv6()};
}

void FlowTable::unlink(std::uint32_t index, bool retire_record) noexcept {
    FlowRecord& record = records_[index];
    Retired retired = record.ipv6() ? take_out(ipv6_, record) : take_out(ipv4_, record);
    record.life_.store(FlowRecord::Life::kUnlinked, std::memory_order_release);
    flows_.store(ipv4_.live + ipv6_.live, std::memory_order_relaxed);
    if (retire_record) retired.record = index;
    retire(retired);
}

// Precondition: !retired_.full().
void FlowTable::retire(Retired retired) noexcept {
    retired.token = quiescence_.start();
    retired_.push(retired);
    retiring_.store(retired_.size(), std::memory_order_relaxed);
}

void FlowTable::reclaim(unsigned most) noexcept {
    while (most-- > 0 && !retired_.empty() && quiescence_.passed(retired_.front().token)) {
        const Retired& retired = retired_.front();
        if (retired.ipv6) {
            ipv6_.index.free(retired.forward_slot);
            ipv6_.index.free(retired.reply_slot);
        } else {
            ipv4_.index.free(retired.forward_slot);
            ipv4_.index.free(retired.reply_slot);
        }
        if (retired.record != kNoRecord) drop_record(retired.record);
        retired_.pop();
    }
    retiring_.store(retired_.size(), std::memory_order_relaxed);
}

// An insert that fails half-way, or that takes over a key, needs room to retire what it leaves.
template <class Key>
std::uint32_t FlowTable::take_record(Family<Key>& family) noexcept {
    constexpr unsigned kSome = 32;
    if (family.free == kNoRecord || retired_.full()) reclaim(kSome);
    if (family.free == kNoRecord || retired_.size() + 2 > Retirement::kCapacity) return kNoRecord;
    const std::uint32_t index = family.free;
    family.free = records_[index].next_;
    return index;
}

void FlowTable::give_record(std::uint32_t index) noexcept {
    std::uint32_t& free = index < ipv4_.most ? ipv4_.free : ipv6_.free;
    records_[index].life_.store(FlowRecord::Life::kFree, std::memory_order_relaxed);
    records_[index].next_ = free;
    free = index;
}

// No worker can see it: its NAT port and the record itself can be used again.
void FlowTable::drop_record(std::uint32_t index) noexcept {
    FlowRecord& record = records_[index];
    if (record.mapping_ != kNoMapping) nat_.release(record.mapping_);
    record.mapping_ = kNoMapping;
    sources_.closed(index);
    mappings_.store(nat_.mappings(), std::memory_order_relaxed);
    give_record(index);
}

void FlowTable::end(const FlowRecord& record) noexcept {
    const std::scoped_lock guard{lock_};
    const bool live = record.life_.load(std::memory_order_relaxed) == FlowRecord::Life::kLive;
    if (live && !retired_.full()) unlink(static_cast<std::uint32_t>(&record - records_.get()), false);
}

std::optional<NatPool::Inside> FlowTable::inside(const NatPool::Outside& outside, std::uint8_t protocol) noexcept {
    const std::scoped_lock guard{lock_};
    return nat_.inside(outside, protocol);
}

void FlowTable::reserve_nat_ports(const std::vector<NatPool::Reserved>& ports) {
    const std::scoped_lock guard{lock_};
    nat_.reserve(ports);
}

bool FlowTable::set_wan_addresses(const std::vector<std::uint32_t>& addresses) {
    const std::scoped_lock guard{lock_};
    if (!nat_.set_addresses(addresses)) return false;
    sweep_left_.store(capacity_, std::memory_order_relaxed);
    return true;
}

}  // namespace heartgate::dataplane
