// SPDX-License-Identifier: Apache-2.0
// File names and messages are whatever somebody wrote: made fit for a message, a log and a terminal here.
#pragma once

#include <string>
#include <string_view>

namespace heartgate::control::agent {

// Valid UTF-8: each byte that is none becomes '?'.
[[nodiscard]] std::string valid_text(std::string_view text);
// Valid UTF-8 of at most `most` bytes, cut between characters.
[[nodiscard]] std::string bounded_text(std::string_view text, std::size_t most);
// As above, without control and bidirectional characters (each becomes '?').
[[nodiscard]] std::string printable_text(std::string_view text, std::size_t most = 1024);

}  // namespace heartgate::control::agent
