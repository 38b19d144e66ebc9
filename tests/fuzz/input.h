// SPDX-License-Identifier: Apache-2.0
// The fuzzer's bytes, taken from the front; what is missing reads as zero.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

namespace heartgate::fuzz {

class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : left_{data, size} {}

    [[nodiscard]] bool empty() const { return left_.empty(); }
    std::uint8_t byte() {
        const auto taken = bytes(1);
        return taken.empty() ? std::uint8_t{0} : taken.front();
    }
    std::uint16_t word() {
        const unsigned high = byte();
        return static_cast<std::uint16_t>((high << 8U) | byte());
    }
    std::span<const std::uint8_t> bytes(std::size_t most) {
        const auto taken = left_.first(std::min(most, left_.size()));
        left_ = left_.subspan(taken.size());
        return taken;
    }
    std::span<const std::uint8_t> rest() { return bytes(left_.size()); }
    std::string text() {
        const auto taken = rest();
        return {taken.begin(), taken.end()};
    }

private:
    std::span<const std::uint8_t> left_;
};

// What must always hold. The input that broke it is kept by libFuzzer.
inline void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "does not hold: %s\n", what);
    std::abort();
}

}  // namespace heartgate::fuzz
