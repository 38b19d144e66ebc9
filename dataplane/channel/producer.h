// SPDX-License-Identifier: Apache-2.0
// Who may fill the rings: one connection at a time, under a number that no earlier one had.
#pragma once

#include <cstdint>
#include <optional>
#include <random>

namespace heartgate::dataplane {

class Producer {
public:
    // The number of the new producer, or nothing while another one lives.
    [[nodiscard]] std::optional<std::uint32_t> attach(std::uint64_t connection) {
        if (connection_) return std::nullopt;
        connection_ = connection;
        if (++incarnation_ == 0) ++incarnation_;  // 0: none
        return incarnation_;
    }
    // True if this was the producer.
    bool closed(std::uint64_t connection) {
        if (connection_ != connection) return false;
        connection_.reset();
        return true;
    }

private:
    std::optional<std::uint64_t> connection_;
    // Begins anywhere, so that a number from an earlier life of the dataplane is not met again.
    std::uint32_t incarnation_ = std::random_device{}();
};

}  // namespace heartgate::dataplane
