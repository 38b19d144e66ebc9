// SPDX-License-Identifier: Apache-2.0
#include "dataplane/channel/shared_memory.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_memzone.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include <new>
#include <stdexcept>

#include "dataplane/concurrent/clock.h"

namespace heartgate::dataplane {
namespace {

rte_ring* make_ring(const char* name, std::uint32_t size) {
    rte_ring* ring =
        rte_ring_create_elem(name, sizeof(contract::HealthMessage), size, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    if (ring == nullptr) {
        throw std::runtime_error{
            fmt::format("ring {} cannot be made: {}; raise dpdk.memory_mb", name, rte_strerror(rte_errno))};
    }
    return ring;
}

}  // namespace

SharedMemory::SharedMemory(std::uint32_t endpoint_capacity) {
    try {
        health_ = make_ring(contract::kHealthRing, contract::kHealthRingSize);
        sync_ = make_ring(contract::kSyncRing, contract::kSyncRingSize);
        zone_ = rte_memzone_reserve_aligned(contract::kSharedState, sizeof(contract::SharedState), SOCKET_ID_ANY, 0,
                                            alignof(contract::SharedState));
        if (zone_ == nullptr) {
            throw std::runtime_error{fmt::format("memzone {} cannot be reserved: {}; raise dpdk.memory_mb",
                                                 contract::kSharedState, rte_strerror(rte_errno))};
        }
    } catch (...) {
        rte_ring_free(health_);
        rte_ring_free(sync_);
        throw;
    }
    state_ = new (zone_->addr) contract::SharedState;
    state_->contract_version = contract::kContractVersion;
    state_->endpoint_capacity = endpoint_capacity;
    state_->started_ns = monotonic_ns();
}

SharedMemory::~SharedMemory() {
    rte_memzone_free(zone_);
    rte_ring_free(sync_);
    rte_ring_free(health_);
}

}  // namespace heartgate::dataplane
