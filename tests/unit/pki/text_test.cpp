// SPDX-License-Identifier: Apache-2.0
#include "controlplane/common/text.h"

#include <catch2/catch.hpp>

using heartgate::control::clean_text;

TEST_CASE("plain text in any language stays as it is") {
    for (const std::string text : {"DESKTOP-SJAJN20", "Jürgen Müller", "Дмитрий", "山田 太郎", "שלום", "🙂", ""})
        CHECK(clean_text(text, 255) == text);
}

TEST_CASE("nothing that steers a terminal or the writing direction comes through") {
    CHECK(clean_text("a\x1b[31mred\x07", 255) == "a[31mred");
    CHECK(clean_text(std::string("a\0b", 3), 255) == "ab");
    CHECK(clean_text("a\x7f"
                     "b",
                     255) == "ab");
    CHECK(clean_text("a\xC2\x9B"
                     "b",
                     255) == "ab");                              // C1: CSI in one character
    CHECK(clean_text("exe.\xE2\x80\xAEgpj", 255) == "exe.gpj");  // right-to-left override
    CHECK(clean_text("a\xE2\x81\xA6\xE2\x81\xA9"
                     "b",
                     255) == "ab");  // isolates
    CHECK(clean_text("a\xE2\x80\x8B\xEF\xBB\xBF"
                     "b",
                     255) == "ab");  // zero width, byte order mark
    CHECK(clean_text("one\r\ntwo\tthree", 255) == "one  two three");
}

TEST_CASE("invalid UTF-8 becomes U+FFFD, byte by byte") {
    const std::string mark = "\xEF\xBF\xBD";
    CHECK(clean_text("a\xFF"
                     "b",
                     255) == "a" + mark + "b");
    CHECK(clean_text("\xC0\xAF", 255) == mark + mark);             // overlong
    CHECK(clean_text("\xED\xA0\x80", 255) == mark + mark + mark);  // surrogate
    CHECK(clean_text("\xF4\x90\x80\x80", 255) == mark + mark + mark + mark);
    CHECK(clean_text("a\xE2\x82", 255) == "a" + mark + mark);  // cut short
}

TEST_CASE("text is cut between characters") {
    CHECK(clean_text("abcdef", 3) == "abc");
    CHECK(clean_text("aüb", 2) == "a");
    CHECK(clean_text("aüb", 3) == "aü");
    CHECK(clean_text("abc", 0).empty());
    CHECK(clean_text(std::string(1000000, '\xFF'), 255).size() == 255);
}
