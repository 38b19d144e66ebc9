// SPDX-License-Identifier: Apache-2.0
// What clean_text() lets through can be shown anywhere: bounded, valid UTF-8 without controls, and stable.
#include "controlplane/common/text.h"
#include "tests/fuzz/input.h"

using heartgate::fuzz::Input;
using heartgate::fuzz::require;

namespace {

// RFC 3629, written out once more.
std::size_t character(const std::string& text, std::size_t at, std::uint32_t& code) {
    const auto byte = [&](std::size_t i) -> std::uint32_t {
        return at + i < text.size() ? static_cast<std::uint8_t>(text[at + i]) : 0U;
    };
    const std::uint32_t first = byte(0);
    const std::size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    require(first < 0x80 || (first >= 0xc2 && first <= 0xf4), "the first byte of a character is one");
    code = length == 1 ? first : first & (0xffU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        require((byte(i) & 0xc0U) == 0x80U, "a character is whole");
        code = code << 6U | (byte(i) & 0x3fU);
    }
    static constexpr std::uint32_t kLeast[]{0, 0, 0x80, 0x800, 0x10000};
    require(code >= kLeast[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff), "a character exists");
    return length;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{data, size};
    const std::size_t most = input.byte();
    const std::string clean = heartgate::control::clean_text(input.text(), most);
    require(clean.size() <= most, "the bound is kept");
    for (std::size_t at = 0; at < clean.size();) {
        std::uint32_t code = 0;
        at += character(clean, at, code);
        require(code >= 0x20 && (code < 0x7f || code > 0x9f), "no control characters");
        require((code < 0x202a || code > 0x202e) && (code < 0x2066 || code > 0x2069), "no bidirectional controls");
    }
    require(heartgate::control::clean_text(clean, most) == clean, "clean text stays as it is");
    return 0;
}
