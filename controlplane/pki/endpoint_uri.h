// SPDX-License-Identifier: Apache-2.0
// The name of an endpoint in its certificate: spiffe://heartgate/endpoint/UUID.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace heartgate::control::pki {

// RFC 9562 text form, lower-case: 8-4-4-4-12 hexadecimal digits.
bool is_uuid(std::string_view text);

std::string endpoint_uri(std::string_view uuid);
std::optional<std::string> endpoint_id_from_uri(std::string_view uri);

}  // namespace heartgate::control::pki
