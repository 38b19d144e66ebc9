// SPDX-License-Identifier: Apache-2.0
// Follows Linux: routes of the main table, addresses, neighbours and links of the appliance's own interfaces, by
// netlink, into the route table. Dumps first, then listens; dumps again when the kernel says that messages were lost.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/port/zone.h"
#include "dataplane/route/route_table.h"

namespace heartgate::dataplane {

struct NetlinkMirrorOptions {
    struct Interface {
        int index = 0;  // ifindex
        Zone zone;
        std::uint8_t port = 0;   // of the zone
        std::uint16_t vlan = 0;  // tag of the zone's frames
    };
    std::vector<Interface> interfaces;
    std::vector<Route> static_routes;  // always there, beside the kernel's
    // Called on the mirror's thread (the first time on the constructor's) with the WAN interface's IPv4 addresses of
    // global scope, network order, sorted, each time they have changed.
    std::function<void(const std::vector<std::uint32_t>&)> wan_addresses;
    // One line for the log, without line end.
    std::function<void(const std::string&)> log;
};

class NetlinkMirror {
public:
    // Reads everything once, so that the route table is right on return, then follows on a thread of its own, which
    // is from then on the route table's only writer. Throws std::runtime_error with a sentence.
    NetlinkMirror(RouteTable& routes, NetlinkMirrorOptions options);
    ~NetlinkMirror();
    NetlinkMirror(const NetlinkMirror&) = delete;
    NetlinkMirror& operator=(const NetlinkMirror&) = delete;

private:
    class Follower;
    std::unique_ptr<Follower> follower_;
};

}  // namespace heartgate::dataplane
