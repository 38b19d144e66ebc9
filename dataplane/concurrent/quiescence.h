// SPDX-License-Identifier: Apache-2.0
// When has every worker let go of what it read before? One QSBR variable (rte_rcu_qsbr) for all shared tables.
// Workers report after each tx burst; writers wait or ask. Nothing here frees memory: that is the caller's.
#pragma once

#include <rte_rcu_qsbr.h>

#include <cstdint>
#include <memory>

namespace heartgate::dataplane {

class Quiescence {
public:
    // `workers`: 1 to RTE_MAX_LCORE. Throws std::bad_alloc. All workers start offline.
    explicit Quiescence(unsigned workers);

    // Worker side: worker numbers are 0 to workers - 1. A worker that sleeps or ends is offline.
    void online(unsigned worker) noexcept { rte_rcu_qsbr_thread_online(qsbr_.get(), worker); }
    void offline(unsigned worker) noexcept { rte_rcu_qsbr_thread_offline(qsbr_.get(), worker); }
    void quiescent(unsigned worker) noexcept { rte_rcu_qsbr_quiescent(qsbr_.get(), worker); }

    // Writer side: token for "everything stored before this call"; passed() once every online worker has been quiescent
    // since. synchronize() waits for that; never call it on a worker.
    [[nodiscard]] std::uint64_t start() noexcept { return rte_rcu_qsbr_start(qsbr_.get()); }
    [[nodiscard]] bool passed(std::uint64_t token) noexcept {
        return rte_rcu_qsbr_check(qsbr_.get(), token, false) == 1;
    }
    void synchronize() noexcept { rte_rcu_qsbr_synchronize(qsbr_.get(), RTE_QSBR_THRID_INVALID); }

    [[nodiscard]] rte_rcu_qsbr* raw() noexcept { return qsbr_.get(); }

private:
    struct Free {
        void operator()(rte_rcu_qsbr* qsbr) const noexcept;
    };
    std::unique_ptr<rte_rcu_qsbr, Free> qsbr_;
};

}  // namespace heartgate::dataplane
