// SPDX-License-Identifier: Apache-2.0
// Neighbours are followed message by message, since there may be many. Routes, addresses and links change rarely and
// hang together: any message about them leads to one new dump, after all that has arrived has been read.
#include "dataplane/kernel/netlink_mirror.h"

#include <fmt/format.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "dataplane/kernel/control_thread.h"
#include "dataplane/kernel/neighbour_resolver.h"
#include "dataplane/kernel/netlink_parse.h"
#include "dataplane/kernel/netlink_socket.h"

namespace heartgate::dataplane {

namespace {

constexpr unsigned kGroups =
    RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
constexpr int kWaitMilliseconds = 100;  // how long stop() may take
constexpr int kMostAttempts = 10;       // dumps that were interrupted by changes

using NeighbourSet = std::set<std::pair<Zone, IpAddress>>;

}  // namespace

class NetlinkMirror::Follower {
public:
    Follower(RouteTable& routes, NetlinkMirrorOptions options)
        : routes_{routes}, options_{std::move(options)}, notifications_{kGroups}, requests_{0} {
        for (const NetlinkMirrorOptions::Interface& interface : options_.interfaces) {
            interfaces_[interface.index] = interface.zone;
            of_zone_[interface.zone] = interface;
        }
        read_all();
        thread_.emplace("hg-netlink", [this](const std::atomic<bool>& stop) { follow(stop); });
    }

private:
    void log(const std::string& line) const {
        if (options_.log) options_.log(line);
    }

    void follow(const std::atomic<bool>& stop) {
        while (!stop.load(std::memory_order_relaxed)) {
            pollfd descriptor{.fd = notifications_.descriptor(), .events = POLLIN, .revents = 0};
            if (poll(&descriptor, 1, kWaitMilliseconds) <= 0) continue;
            try {
                const int result =
                    notifications_.receive([this](const nlmsghdr& message) { take_notification(message); });
                if (result == ENOBUFS) {
                    log("netlink: notifications were lost, reading everything again");
                    read_all();
                } else if (std::exchange(dirty_, false)) {
                    read_routes();
                }
            } catch (const std::exception& error) {
                log(fmt::format("netlink: {}; the routes stay as they are until the next change", error.what()));
            }
        }
    }

    void take_notification(const nlmsghdr& message) {
        switch (message.nlmsg_type) {
            case RTM_NEWNEIGH:
            case RTM_DELNEIGH:
                take_neighbour(message, nullptr);
                break;
            default:
                dirty_ = true;
        }
    }

    void read_all() {
        dirty_ = false;
        read_routes();
        NeighbourSet seen;
        dump<ndmsg>(RTM_GETNEIGH, AF_UNSPEC,
                    [this, &seen](const nlmsghdr& message) { take_neighbour(message, &seen); });
        NeighbourSet gone;
        std::set_difference(neighbours_.begin(), neighbours_.end(), seen.begin(), seen.end(),
                            std::inserter(gone, gone.begin()));
        for (const auto& [zone, address] : gone) forget(zone, address);
    }

    // `seen`: collects usable ones, may be null.
    void take_neighbour(const nlmsghdr& message, NeighbourSet* seen) {
        const auto event = parse_neighbour(message, interfaces_);
        if (!event) return;
        if (!event->mac) {
            forget(event->zone, event->address);
            return;
        }
        if (seen != nullptr) seen->emplace(event->zone, event->address);
        if (!routes_.set_neighbour({.address = event->address, .zone = event->zone, .mac = *event->mac})) {
            if (!std::exchange(full_, true)) {
                log(fmt::format("neighbour table is full at {} entries: {} cannot be reached; raise the limit",
                                neighbours_.size(), to_text(event->address)));
            }
            return;
        }
        full_ = false;
        neighbours_.emplace(event->zone, event->address);
        // Nothing in Linux uses a gateway that only transit packets go to: ask, so that a changed MAC is found.
        if (event->stale && gateways_.contains({event->zone, event->address})) {
            (void)resolver_.resolve(of_zone_[event->zone].index, event->address, NeighbourResolver::Clock::now());
        }
    }
    void forget(Zone zone, const IpAddress& address) {
        if (neighbours_.erase({zone, address}) > 0) routes_.remove_neighbour(zone, address);
    }

    void read_routes() {
        dump<ifinfomsg>(RTM_GETLINK, AF_UNSPEC, [this](const nlmsghdr& message) {
            if (const auto link = parse_link(message, interfaces_)) {
                const NetlinkMirrorOptions::Interface& interface = of_zone_[link->zone];
                routes_.set_link(link->zone,
                                 {.mac = link->mac, .mtu = link->mtu, .vlan = interface.vlan, .port = interface.port});
            }
        });
        std::vector<Route> found = options_.static_routes;
        std::vector<std::uint32_t> wan_addresses;
        dump<ifaddrmsg>(RTM_GETADDR, AF_UNSPEC, [this, &found, &wan_addresses](const nlmsghdr& message) {
            if (const auto own = parse_address(message, interfaces_)) add_address(*own, found, wan_addresses);
        });
        for (const int family : {AF_INET, AF_INET6}) {
            dump<rtmsg>(RTM_GETROUTE, family, [this, &found](const nlmsghdr& message) {
                if (const auto route = parse_route(message, interfaces_)) found.push_back(*route);
            });
        }
        std::sort(wan_addresses.begin(), wan_addresses.end());
        if (found != known_routes_) publish(std::move(found));
        if (!wan_known_ || wan_addresses != wan_addresses_) {
            wan_known_ = true;
            wan_addresses_ = wan_addresses;
            if (options_.wan_addresses) options_.wan_addresses(wan_addresses_);
        }
    }

    void publish(std::vector<Route> found) {
        if (!routes_.replace_routes(found)) {
            log(fmt::format("route table has no room for {} routes: it keeps the {} it has; raise the limit",
                            found.size(), known_routes_.size()));
            return;
        }
        known_routes_ = std::move(found);
        gateways_.clear();
        for (const Route& route : known_routes_) {
            if (route.gateway) gateways_.emplace(route.zone, *route.gateway);
        }
    }

    static void add_address(const InterfaceAddress& own, std::vector<Route>& found,
                            std::vector<std::uint32_t>& wan_addresses) {
        const bool four = own.address.address.is_ipv4();
        const auto host = static_cast<std::uint8_t>(four ? 32 : 128);
        found.push_back(
            {.network = own.address.address, .prefix = host, .zone = own.zone, .gateway = {}, .local = true});
        if (own.broadcast) {  // RFC 2644: directed broadcasts are not forwarded
            found.push_back(
                {.network = *own.broadcast, .prefix = host, .zone = own.zone, .gateway = {}, .blackhole = true});
        }
        if (four && own.zone.is_wan() && own.global) wan_addresses.push_back(own.address.address.ipv4());
    }

    template <class Body>
    void dump(std::uint16_t type, int family, const NetlinkSocket::Handler& handler) {
        int result = EINTR;
        for (int attempt = 0; result == EINTR && attempt < kMostAttempts; ++attempt) {
            NetlinkRequest request{type, 0};
            auto& body = request.body<Body>();
            std::memset(&body, 0, sizeof(body));
            *reinterpret_cast<unsigned char*>(&body) = static_cast<unsigned char>(family);  // first in all of them
            result = requests_.dump(request, handler);
        }
        // What changed in the middle of a dump is notified, too, and read again then.
        if (result != 0 && result != EINTR) {
            throw std::runtime_error{fmt::format("dump of type {}: {}", type, std::strerror(result))};
        }
    }

    RouteTable& routes_;
    const NetlinkMirrorOptions options_;
    InterfaceZones interfaces_;
    std::map<Zone, NetlinkMirrorOptions::Interface> of_zone_;
    NetlinkSocket notifications_;
    NetlinkSocket requests_;
    NeighbourResolver resolver_;
    NeighbourSet neighbours_;  // that this mirror has put into the table; static ones are not in here
    NeighbourSet gateways_;
    std::vector<Route> known_routes_;
    std::vector<std::uint32_t> wan_addresses_;
    bool wan_known_ = false;
    bool dirty_ = false;
    bool full_ = false;
    std::optional<ControlThread> thread_;  // last: ends before what it uses
};

NetlinkMirror::NetlinkMirror(RouteTable& routes, NetlinkMirrorOptions options)
    : follower_{std::make_unique<Follower>(routes, std::move(options))} {}

NetlinkMirror::~NetlinkMirror() = default;

}  // namespace heartgate::dataplane
