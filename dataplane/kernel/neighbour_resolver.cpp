// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kernel/neighbour_resolver.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace heartgate::dataplane {

bool NeighbourResolver::resolve(int interface_index, const IpAddress& address, Clock::time_point now) noexcept {
    unsigned slot = static_cast<unsigned>(interface_index);
    for (const std::uint8_t byte : address.bytes) slot = slot * 31 + byte;
    Asked& asked = asked_[slot % asked_.size()];
    if (asked.interface_index == interface_index && asked.address == address && now - asked.at < kAskAgain)
        return false;
    if (now - second_ >= std::chrono::seconds{1}) {
        second_ = now;
        in_second_ = 0;
    }
    if (in_second_ >= kMostPerSecond) return false;
    ++in_second_;
    asked = {.interface_index = interface_index, .address = address, .at = now};

    NetlinkRequest request{RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE};
    auto& body = request.body<ndmsg>();
    body.ndm_family = address.is_ipv4() ? AF_INET : AF_INET6;
    body.ndm_ifindex = interface_index;
    body.ndm_state = NUD_NONE;
    body.ndm_flags = NTF_USE;
    if (address.is_ipv4()) {
        const std::uint32_t value = address.ipv4();
        request.attribute(NDA_DST, &value, sizeof(value));
    } else {
        request.attribute(NDA_DST, address.bytes.data(), address.bytes.size());
    }
    return socket_.request(request) == 0;
}

}  // namespace heartgate::dataplane
