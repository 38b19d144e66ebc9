// SPDX-License-Identifier: Apache-2.0
#include "controlplane/pki/endpoint_uri.h"

namespace heartgate::control::pki {

constexpr std::string_view kPrefix = "spiffe://heartgate/endpoint/";

bool is_uuid(std::string_view text) {
    constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (text.size() != kShape.size()) return false;
    for (std::size_t i = 0; i < kShape.size(); ++i) {
        const char c = text[i];
        const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (kShape[i] == 'x' ? !hex : c != '-') return false;
    }
    return true;
}

std::string endpoint_uri(std::string_view uuid) { return std::string(kPrefix) + std::string(uuid); }

std::optional<std::string> endpoint_id_from_uri(std::string_view uri) {
    if (!uri.starts_with(kPrefix) || !is_uuid(uri.substr(kPrefix.size()))) return std::nullopt;
    return std::string(uri.substr(kPrefix.size()));
}

}  // namespace heartgate::control::pki
