// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/neighbours.h"

#include <ifaddrs.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

namespace heartgate::control {
namespace {

int take_mac(const nlattr* attribute, void* mac) {
    if (mnl_attr_get_type(attribute) == NDA_LLADDR && mnl_attr_get_payload_len(attribute) == 6) {
        static_cast<std::string*>(mac)->assign(static_cast<const char*>(mnl_attr_get_payload(attribute)), 6);
    }
    return MNL_CB_OK;
}

int take_neighbour(const nlmsghdr* header, void* mac) {
    const auto* message = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(header));
    constexpr unsigned kKnown = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;
    if (header->nlmsg_type == RTM_NEWNEIGH && (message->ndm_state & kKnown) != 0) {
        mnl_attr_parse(header, sizeof(*message), take_mac, mac);
    }
    return MNL_CB_STOP;
}

struct RouteAnswer {
    unsigned interface = 0;
    bool gateway = false;
};

int take_route_attribute(const nlattr* attribute, void* data) {
    auto& route = *static_cast<RouteAnswer*>(data);
    const std::uint16_t type = mnl_attr_get_type(attribute);
    if (type == RTA_OIF) route.interface = mnl_attr_get_u32(attribute);
    if (type == RTA_GATEWAY || type == RTA_VIA) route.gateway = true;
    return MNL_CB_OK;
}

int take_route(const nlmsghdr* header, void* data) {
    const auto* message = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(header));
    if (header->nlmsg_type == RTM_NEWROUTE && message->rtm_type == RTN_UNICAST) {
        mnl_attr_parse(header, sizeof(*message), take_route_attribute, data);
    }
    return MNL_CB_STOP;
}

}  // namespace

KernelNeighbours::KernelNeighbours() : socket_{mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)} {
    if (socket_ == nullptr || mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) < 0) {
        throw std::runtime_error{"netlink: the kernel's neighbour table cannot be asked: " +
                                 std::string{std::strerror(errno)}};
    }
}

KernelNeighbours::~KernelNeighbours() { mnl_socket_close(socket_); }

std::optional<std::size_t> KernelNeighbours::ask(const IpAddress& address, std::uint16_t type, std::uint16_t flags,
                                                 std::uint8_t neighbour_flags) {
    const auto route = route_to(address);
    if (!route || route->gateway) return std::nullopt;
    buffer_.fill(0);
    nlmsghdr* header = mnl_nlmsg_put_header(buffer_.data());
    header->nlmsg_type = type;
    header->nlmsg_flags = flags;
    header->nlmsg_seq = ++sequence_;
    auto* message = static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ndmsg)));
    message->ndm_family = address.is_ipv4() ? AF_INET : AF_INET6;
    message->ndm_ifindex = static_cast<int>(route->index);
    message->ndm_flags = neighbour_flags;
    const std::string wire = address.wire();
    mnl_attr_put(header, NDA_DST, wire.size(), wire.data());
    return send(header);
}

std::optional<std::size_t> KernelNeighbours::send(nlmsghdr* header) {
    if (mnl_socket_sendto(socket_, header, header->nlmsg_len) < 0) return std::nullopt;
    const auto bytes = mnl_socket_recvfrom(socket_, buffer_.data(), buffer_.size());
    return bytes > 0 ? std::optional{static_cast<std::size_t>(bytes)} : std::nullopt;
}

std::optional<Place> KernelNeighbours::place(const IpAddress& address) {
    const auto route = route_to(address);
    if (!route) return std::nullopt;
    return Place{.zone = route->interface->zone, .routed = route->interface->routed, .by_router = route->gateway};
}

std::optional<KernelNeighbours::Route> KernelNeighbours::route_to(const IpAddress& address) {
    if (interfaces_.empty()) return std::nullopt;
    buffer_.fill(0);
    nlmsghdr* header = mnl_nlmsg_put_header(buffer_.data());
    header->nlmsg_type = RTM_GETROUTE;
    header->nlmsg_flags = NLM_F_REQUEST;
    header->nlmsg_seq = ++sequence_;
    auto* message = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(rtmsg)));
    message->rtm_family = address.is_ipv4() ? AF_INET : AF_INET6;
    const std::string wire = address.wire();
    message->rtm_dst_len = static_cast<unsigned char>(wire.size() * 8);
    mnl_attr_put(header, RTA_DST, wire.size(), wire.data());
    const auto bytes = send(header);
    RouteAnswer route;
    if (!bytes ||
        mnl_cb_run(buffer_.data(), *bytes, sequence_, mnl_socket_get_portid(socket_), take_route, &route) < 0) {
        return std::nullopt;
    }
    char name[IFNAMSIZ] = {};
    if (if_indextoname(route.interface, name) == nullptr) return std::nullopt;
    const auto known = std::find_if(interfaces_.begin(), interfaces_.end(),
                                    [&name](const Interface& interface) { return interface.name == name; });
    if (known == interfaces_.end()) return std::nullopt;
    return Route{.index = route.interface, .interface = &*known, .gateway = route.gateway};
}

std::optional<std::string> KernelNeighbours::mac(const IpAddress& address) {
    const auto bytes = ask(address, RTM_GETNEIGH, NLM_F_REQUEST, 0);
    std::string mac;
    if (!bytes ||
        mnl_cb_run(buffer_.data(), *bytes, sequence_, mnl_socket_get_portid(socket_), take_neighbour, &mac) < 0 ||
        mac.empty()) {
        return std::nullopt;
    }
    return mac;
}

// NTF_USE resolves as if there were a packet for it. The answer is an acknowledgement or an error, of no interest: what
// was not asked for now is asked for with the next heartbeat.
void KernelNeighbours::solicit(const IpAddress& address) {
    static_cast<void>(ask(address, RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK, NTF_USE));
}

bool KernelNeighbours::own(const IpAddress& address) {
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return true;
    bool found = false;
    for (const ifaddrs* entry = list; entry != nullptr && !found; entry = entry->ifa_next) {
        if (entry->ifa_addr == nullptr) continue;
        std::optional<IpAddress> own;
        if (entry->ifa_addr->sa_family == AF_INET) {
            const auto* socket_address = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
            own = IpAddress::from_wire({reinterpret_cast<const char*>(&socket_address->sin_addr), 4});
        } else if (entry->ifa_addr->sa_family == AF_INET6) {
            const auto* socket_address = reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr);
            own = IpAddress::from_wire({reinterpret_cast<const char*>(&socket_address->sin6_addr), 16});
        }
        found = own == address;
    }
    freeifaddrs(list);
    return found;
}

}  // namespace heartgate::control
