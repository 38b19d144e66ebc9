// SPDX-License-Identifier: Apache-2.0
// Values of the contract as a person reads them.
#pragma once

#include <cstdint>
#include <string>

#include "controlplane/cli/table.h"
#include "controlplane/common/error.h"
#include "heartgate/v1/common.pb.h"

namespace heartgate::control::cli {

std::string address_text(const std::string& bytes);  // 4 or 16 bytes; "-" if empty
std::string socket_text(const std::string& address, std::uint32_t port);
std::string mac_text(const std::string& bytes);
Expected<std::string> address_bytes(const std::string& text);

std::string protocol_text(std::uint32_t protocol);
std::string time_text(std::int64_t unix_ms);                           // local time; "never" for 0
std::string age_text(std::int64_t unix_ms, std::int64_t now_unix_ms);  // "12 s ago"; "never" for 0
std::string duration_text(std::uint64_t seconds);                      // "2 h 5 min"
std::int64_t unix_now_ms();

Cell colour_cell(v1::Colour colour);
Cell presence_cell(v1::Presence presence);

// Nothing if the dataplane takes the wanted policy.
void add_refused_policy(Sheet& sheet, std::uint64_t revision, const std::string& refusal);

// "MALWARE_DETECTED: Eicar-Test-Signature in /home/x/eicar.com (eicar)"
std::string reason_text(const v1::Reason& reason);

}  // namespace heartgate::control::cli
