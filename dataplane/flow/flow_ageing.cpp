// SPDX-License-Identifier: Apache-2.0
// How flows end: a little in each loop of each worker, never by walking the table in a burst.
#include <algorithm>
#include <array>
#include <mutex>

#include "dataplane/flow/flow_table.h"

namespace heartgate::dataplane {

namespace {

constexpr std::uint32_t kPageMs = 60'000;

}  // namespace

// The table may become crowded at any time: what would have to go then is looked at as often.
std::uint32_t FlowTable::turn_ms(const FlowRecord& record, std::uint32_t left_ms) const noexcept {
    return flow_state::settled(record.protocol(), record.state()) ? left_ms : std::min(left_ms, crowded_ms_);
}

std::uint32_t FlowTable::left_ms(const FlowRecord& record, std::uint32_t now_ms) const noexcept {
    // Another worker's clock may be a little ahead. A time-out is a least time (RFC 4787 REQ-5), and last_seen may be
    // behind by as much as it is written seldom.
    const auto silent = std::max(static_cast<std::int32_t>(now_ms - record.last_seen_ms()), 0);
    std::uint32_t timeout = flow_state::timeout(timeouts_, record.protocol(), record.state()) * 1000U;
    const bool crowded = (record.ipv6() ? ipv6_.crowded : ipv4_.crowded).load(std::memory_order_relaxed);
    if (crowded && !flow_state::settled(record.protocol(), record.state())) timeout = std::min(timeout, crowded_ms_);
    // A page is read once: machines that are cut off do not hold records for hours.
    if (record.is_page()) timeout = std::min(timeout, kPageMs);
    timeout += FlowRecord::kSeenEveryMs;
    const auto passed = static_cast<std::uint32_t>(silent);
    return passed < timeout ? timeout - passed : 0;
}

void FlowTable::expire(unsigned worker, std::uint32_t now_ms, unsigned most) noexcept {
    constexpr unsigned kBatch = 32;
    std::array<std::uint32_t, kBatch> ended;
    unsigned count = 0;
    FlowTimer& timer = timers_[worker];
    for (unsigned looked = 0; looked < most && count < kBatch; ++looked) {
        const std::uint32_t index = timer.pop(records_.get(), now_ms);
        if (index == kNoRecord) break;
        const FlowRecord& record = records_[index];
        const std::uint32_t left = left_ms(record, now_ms);
        if (left == 0 || record.life_.load(std::memory_order_relaxed) != FlowRecord::Life::kLive) {
            ended[count++] = index;
        } else {
            timer.add(records_.get(), index, turn_ms(record, left), now_ms);
        }
    }
    if (count > 0) {
        const std::scoped_lock guard{lock_};
        for (unsigned i = 0; i < count; ++i) {
            const std::uint32_t index = ended[i];
            if (retired_.full()) {
                timer.add(records_.get(), index, 0, now_ms);
            } else if (records_[index].life_.load(std::memory_order_relaxed) == FlowRecord::Life::kLive) {
                unlink(index, true);
            } else {
                retire({.record = index});  // its keys went before
            }
        }
    }
    // Whoever gets the lock does it; a worker that does not get it has better things to do.
    if (retiring_.load(std::memory_order_relaxed) > 0 && lock_.try_lock()) {
        reclaim(std::max(2 * most, kBatch));
        lock_.unlock();
    }
    if (worker == 0 && sweep_left_.load(std::memory_order_relaxed) > 0) sweep(std::max(most, kBatch));
}

// After a change of the WAN addresses: takes the keys of flows out whose mapping is no longer valid. Their records
// come back when their timers' turn comes.
void FlowTable::sweep(unsigned most) noexcept {
    const std::scoped_lock guard{lock_};
    std::uint32_t left = sweep_left_.load(std::memory_order_relaxed);
    for (; most > 0 && left > 0 && !retired_.full(); --most, --left) {
        const FlowRecord& record = records_[left - 1];
        if (record.life_.load(std::memory_order_relaxed) == FlowRecord::Life::kLive && record.mapping_ != kNoMapping &&
            !nat_.valid(record.mapping_)) {
            unlink(left - 1, false);
        }
    }
    sweep_left_.store(left, std::memory_order_relaxed);
}

}  // namespace heartgate::dataplane
