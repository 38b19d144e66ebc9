// SPDX-License-Identifier: Apache-2.0
#include "controlplane/common/text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace heartgate::control {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

struct Character {
    char32_t code = 0;
    std::size_t length = 0;
};

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
std::optional<Character> decode(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const std::uint8_t first = byte(0);
    if (first < 0x80) return Character{first, 1};
    std::size_t length = 0;
    char32_t code = 0;
    char32_t least = 0;
    if ((first & 0xE0) == 0xC0) {
        length = 2, code = first & 0x1F, least = 0x80;
    } else if ((first & 0xF0) == 0xE0) {
        length = 3, code = first & 0x0F, least = 0x800;
    } else if ((first & 0xF8) == 0xF0) {
        length = 4, code = first & 0x07, least = 0x10000;
    } else {
        return std::nullopt;
    }
    if (text.size() < length) return std::nullopt;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return std::nullopt;
        code = (code << 6) | (byte(i) & 0x3F);
    }
    if (code < least || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return std::nullopt;
    return Character{code, length};
}

struct Range {
    char32_t first;
    char32_t last;
};

// Nothing here has a shape of its own; all of it can change how the text around it looks.
constexpr std::array kUnwanted{
    Range{0x0000, 0x001F},   Range{0x007F, 0x009F},  // C0, DEL, C1
    Range{0x00AD, 0x00AD},                           // soft hyphen
    Range{0x061C, 0x061C},                           // Arabic letter mark
    Range{0x180E, 0x180E},                           // Mongolian vowel separator
    Range{0x200B, 0x200F},                           // zero width, left-to-right and right-to-left mark
    Range{0x2028, 0x202E},    // line and paragraph separator, bidirectional embedding and override
    Range{0x2060, 0x206F},    // word joiner, bidirectional isolates, deprecated format characters
    Range{0xFEFF, 0xFEFF},    // byte order mark
    Range{0xFFF9, 0xFFFB},    // interlinear annotation
    Range{0xE0000, 0xE007F},  // tags
};

bool unwanted(char32_t code) {
    return std::ranges::any_of(kUnwanted, [code](Range r) { return code >= r.first && code <= r.last; });
}

}  // namespace

std::string clean_text(std::string_view text, std::size_t max_bytes) {
    std::string clean;
    clean.reserve(std::min(text.size(), max_bytes));
    while (!text.empty()) {
        std::string_view piece;
        const auto character = decode(text);
        const std::size_t length = character ? character->length : 1;
        if (!character) {
            piece = kReplacement;
        } else if (character->code == '\t' || character->code == '\n' || character->code == '\r') {
            piece = " ";
        } else if (!unwanted(character->code)) {
            piece = text.substr(0, length);
        }
        if (clean.size() + piece.size() > max_bytes) break;
        clean += piece;
        text.remove_prefix(length);
    }
    return clean;
}

}  // namespace heartgate::control
