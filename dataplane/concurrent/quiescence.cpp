// SPDX-License-Identifier: Apache-2.0
// Allocation of the QSBR variable; see the header.
#include "dataplane/concurrent/quiescence.h"

#include <rte_malloc.h>

#include <new>

namespace heartgate::dataplane {

Quiescence::Quiescence(unsigned workers)
    : qsbr_{static_cast<rte_rcu_qsbr*>(
          rte_zmalloc("quiescence", rte_rcu_qsbr_get_memsize(workers), RTE_CACHE_LINE_SIZE))} {
    if (!qsbr_ || rte_rcu_qsbr_init(qsbr_.get(), workers) != 0) throw std::bad_alloc{};
    for (unsigned worker = 0; worker < workers; ++worker) {
        if (rte_rcu_qsbr_thread_register(qsbr_.get(), worker) != 0) throw std::bad_alloc{};
    }
}

void Quiescence::Free::operator()(rte_rcu_qsbr* qsbr) const noexcept { rte_free(qsbr); }

}  // namespace heartgate::dataplane
