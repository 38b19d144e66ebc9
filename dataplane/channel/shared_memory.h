// SPDX-License-Identifier: Apache-2.0
// What heartgated finds in the dataplane's memory: the health ring, the sync ring and the shared state.
#pragma once

#include "dataplane/contract/message.h"
#include "dataplane/contract/shared_state.h"

struct rte_ring;
struct rte_memzone;

namespace heartgate::dataplane {

// Owner of the three. One per process, since their names are fixed.
class SharedMemory {
public:
    // Throws std::runtime_error. The state is kStarting.
    explicit SharedMemory(std::uint32_t endpoint_capacity);
    ~SharedMemory();
    SharedMemory(const SharedMemory&) = delete;
    SharedMemory& operator=(const SharedMemory&) = delete;

    [[nodiscard]] rte_ring* health() const noexcept { return health_; }
    [[nodiscard]] rte_ring* sync() const noexcept { return sync_; }
    [[nodiscard]] contract::SharedState& state() const noexcept { return *state_; }

private:
    rte_ring* health_ = nullptr;
    rte_ring* sync_ = nullptr;
    const rte_memzone* zone_ = nullptr;
    contract::SharedState* state_ = nullptr;
};

}  // namespace heartgate::dataplane
