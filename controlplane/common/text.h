// SPDX-License-Identifier: Apache-2.0
// Text that comes from endpoints is hostile until it has passed clean_text(): it ends up in terminals, logs, the
// database and browsers. Escaping for a particular output (HTML, JSON) stays with whoever writes that output.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace heartgate::control {

// Gives back valid UTF-8 of at most max_bytes, cut between characters. Control characters (C0, C1, DEL), bidirectional
// controls (Unicode TR 36, section 3.2), invisible format characters and line separators are removed; tab, line feed
// and carriage return become one space each; each invalid byte becomes U+FFFD.
std::string clean_text(std::string_view text, std::size_t max_bytes);

}  // namespace heartgate::control
