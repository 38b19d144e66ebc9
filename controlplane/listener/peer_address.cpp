// SPDX-License-Identifier: Apache-2.0
#include "controlplane/listener/peer_address.h"

#include <boost/asio/ip/address.hpp>
#include <charconv>

namespace heartgate::control::listener {
namespace {

// Takes one of the spellings off either end.
bool remove_any_prefix(std::string_view& text, std::string_view plain, std::string_view escaped) {
    for (const std::string_view form : {plain, escaped}) {
        if (!text.starts_with(form)) continue;
        text.remove_prefix(form.size());
        return true;
    }
    return false;
}

}  // namespace

PeerAddress parse_peer(std::string_view peer) {
    PeerAddress parsed;
    const bool six = peer.starts_with("ipv6:");
    if (!six && !peer.starts_with("ipv4:")) return parsed;
    peer.remove_prefix(5);
    const auto colon = peer.rfind(':');
    if (colon == std::string_view::npos) return parsed;
    const std::string_view port = peer.substr(colon + 1);
    std::string_view address = peer.substr(0, colon);
    if (std::from_chars(port.data(), port.data() + port.size(), parsed.port).ec != std::errc()) return parsed;
    if (six) {
        remove_any_prefix(address, "[", "%5B");
        address = address.substr(0, address.find_first_of("]%"));  // a zone ("%hg-lan") is no part of the address
    }
    boost::system::error_code problem;
    const auto ip = boost::asio::ip::make_address(std::string(address), problem);
    if (problem) return parsed;
    parsed.text = ip.to_string();
    if (ip.is_v4()) {
        const auto bytes = ip.to_v4().to_bytes();
        parsed.bytes.assign(bytes.begin(), bytes.end());
    } else {
        const auto bytes = ip.to_v6().to_bytes();
        parsed.bytes.assign(bytes.begin(), bytes.end());
    }
    return parsed;
}

}  // namespace heartgate::control::listener
