// SPDX-License-Identifier: Apache-2.0
// The page itself, as HTML without scripts, pictures or links. All text is escaped: part of it comes from machines that
// are taken to be infected.
#pragma once

#include <heartgate/v1/page.pb.h>

#include <optional>
#include <string>
#include <string_view>

namespace heartgate::control::page {

[[nodiscard]] std::string escape_html(std::string_view text);

// Nothing: heartgated did not answer.
[[nodiscard]] std::string page_text(const std::optional<v1::PageAnswer>& answer);

}  // namespace heartgate::control::page
