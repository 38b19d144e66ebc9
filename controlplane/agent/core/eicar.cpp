// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/core/eicar.h"

#include <algorithm>
#include <array>

namespace heartgate::control::agent {
namespace {

// Each character plus its position, exclusive-or kMask.
constexpr std::uint8_t kMask = 0xa7;
constexpr std::array<std::uint8_t, kEicarBytes> kCoded = {
    0xff, 0x91, 0xf6, 0x83, 0xf3, 0x8d, 0xe1, 0xef, 0xff, 0xc3, 0x99, 0xc0, 0xfb, 0xc0, 0xc1, 0xe3, 0xe3,
    0x9e, 0xc5, 0xd6, 0x9a, 0xeb, 0xfe, 0xfd, 0xe6, 0xf7, 0x30, 0x98, 0xc6, 0xc1, 0xc6, 0xc7, 0xd5, 0xe9,
    0xd2, 0xd0, 0xc2, 0xd4, 0xcd, 0xcf, 0xdd, 0xca, 0xf0, 0xcb, 0xdd, 0x26, 0xd0, 0x22, 0xde, 0x24, 0x20,
    0x21, 0xc6, 0x2e, 0xdc, 0x2d, 0x2b, 0xc1, 0x27, 0x23, 0x2f, 0x25, 0xf8, 0xc4, 0x2f, 0xcb, 0x2d, 0xca,
};

bool is_trailing_space(std::uint8_t byte) {
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r' || byte == 0x1a;
}

}  // namespace

std::string eicar_test_string() {
    // Read through a volatile, so that no compiler works the string out beforehand and stores it.
    const volatile std::uint8_t mask = kMask;
    std::string text(kEicarBytes, '\0');
    for (std::size_t i = 0; i < kEicarBytes; ++i) text[i] = static_cast<char>((kCoded[i] ^ mask) - i);
    return text;
}

bool is_eicar_test_file(std::span<const std::uint8_t> contents) {
    if (contents.size() < kEicarBytes || contents.size() > kMostEicarFileBytes) return false;
    const std::string expected = eicar_test_string();
    const auto first_of = [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; };
    if (!std::equal(expected.begin(), expected.end(), contents.begin(), first_of)) return false;
    return std::all_of(contents.begin() + kEicarBytes, contents.end(), is_trailing_space);
}

Expected<std::optional<std::string>> EicarDetector::scan(ScanSource& source) {
    if (source.size() < kEicarBytes || source.size() > kMostEicarFileBytes) return std::nullopt;
    std::array<std::uint8_t, kMostEicarFileBytes + 1> contents{};  // one more: it may have grown since
    const auto length = source.read(0, contents);
    if (!length) return tl::unexpected{length.error()};
    if (!is_eicar_test_file({contents.data(), *length})) return std::nullopt;
    return kEicarFinding;
}

}  // namespace heartgate::control::agent
