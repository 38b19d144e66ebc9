// SPDX-License-Identifier: Apache-2.0
// What heartgated uses of the dataplane's shared memory; the rings themselves are dataplane_memory.h's.
#pragma once

#include <cstdint>

#include "dataplane/contract/message.h"
#include "dataplane/contract/shared_state.h"

namespace heartgate::control {

class MessageRings {
public:
    virtual ~MessageRings() = default;

    // False: no room, try again later. One caller at a time.
    [[nodiscard]] virtual bool put_health(const contract::HealthMessage& message) = 0;
    [[nodiscard]] virtual bool put_sync(const contract::HealthMessage& message) = 0;

    // What the dataplane has published.
    [[nodiscard]] virtual std::uint64_t applied_sequence() const = 0;
    [[nodiscard]] virtual std::uint64_t applied_ns() const = 0;
    [[nodiscard]] virtual std::uint32_t incarnation() const = 0;
    [[nodiscard]] virtual std::uint32_t synced_incarnation() const = 0;
    [[nodiscard]] virtual contract::DataplaneState state() const = 0;
    // Bindings that found no room since the dataplane's start.
    [[nodiscard]] virtual std::uint64_t failed_binds() const = 0;
};

}  // namespace heartgate::control
