// SPDX-License-Identifier: Apache-2.0
// The writer's side of the endpoint table.
#include "dataplane/endpoint/endpoint_table.h"

namespace heartgate::dataplane {

EndpointTable::EndpointTable(std::uint32_t capacity)
    : capacity_{capacity == 0 ? 1 : capacity}, words_{std::make_unique<std::atomic<std::uint32_t>[]>(capacity_)} {}

// The word first, then the generation (release): who loads the new generation (acquire) sees the new word.
void EndpointTable::store_next(std::uint32_t endpoint, const contract::EndpointState& state) noexcept {
    words_[endpoint].store(word(endpoint).next(state).raw(), std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
}

bool EndpointTable::set(std::uint32_t endpoint, const contract::EndpointState& state) noexcept {
    if (endpoint == contract::kNoEndpoint || endpoint >= capacity_) return false;
    if (word(endpoint).state() != state) store_next(endpoint, state);
    return true;
}

bool EndpointTable::touch(std::uint32_t endpoint) noexcept {
    if (endpoint == contract::kNoEndpoint || endpoint >= capacity_) return false;
    store_next(endpoint, word(endpoint).state());
    return true;
}

void EndpointTable::advance() noexcept { store_next(contract::kNoEndpoint, {}); }

}  // namespace heartgate::dataplane
