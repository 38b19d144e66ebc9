// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/core/text.h"

#include <cstdint>

namespace heartgate::control::agent {
namespace {

struct Character {
    std::uint32_t code = 0;
    std::size_t bytes = 0;  // 0: the first byte begins no valid character
};

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
Character first_character(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const std::uint8_t lead = byte(0);
    if (lead < 0x80) return {lead, 1};
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return {};
    std::uint32_t code = lead & (0xffU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return {};
        code = code << 6U | (byte(i) & 0x3fU);
    }
    const std::uint32_t least = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000;
    if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
    return {code, length};
}

bool is_control_or_bidirectional(std::uint32_t code) {
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return true;
    return code == 0x61c || code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

std::string cleaned(std::string_view text, std::size_t most, bool printable) {
    std::string result;
    while (!text.empty()) {
        const Character character = first_character(text);
        const std::size_t used = character.bytes == 0 ? 1 : character.bytes;
        const bool keep = character.bytes != 0 && !(printable && is_control_or_bidirectional(character.code));
        if (result.size() + (keep ? used : 1) > most) break;
        if (keep) {
            result += text.substr(0, used);
        } else {
            result += '?';
        }
        text.remove_prefix(used);
    }
    return result;
}

}  // namespace

std::string valid_text(std::string_view text) { return cleaned(text, std::string::npos, false); }
std::string bounded_text(std::string_view text, std::size_t most) { return cleaned(text, most, false); }
std::string printable_text(std::string_view text, std::size_t most) { return cleaned(text, most, true); }

}  // namespace heartgate::control::agent
