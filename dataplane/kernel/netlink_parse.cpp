// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kernel/netlink_parse.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace heartgate::dataplane {

namespace {

constexpr std::uint16_t kAttributes = 64;  // types below this are kept; ours are
using Attributes = std::array<const nlattr*, kAttributes>;

int keep(const nlattr* attribute, void* attributes) {
    const std::uint16_t type = mnl_attr_get_type(attribute);
    if (type < kAttributes) (*static_cast<Attributes*>(attributes))[type] = attribute;
    return MNL_CB_OK;
}

template <class Body>
const Body* parse(const nlmsghdr& message, Attributes& attributes) {
    if (mnl_nlmsg_get_payload_len(&message) < sizeof(Body)) return nullptr;
    if (mnl_attr_parse(&message, sizeof(Body), &keep, &attributes) < 0) return nullptr;
    return static_cast<const Body*>(mnl_nlmsg_get_payload(&message));
}

template <class Value>
std::optional<Value> value(const nlattr* attribute) {
    if (attribute == nullptr || mnl_attr_get_payload_len(attribute) < sizeof(Value)) return std::nullopt;
    Value result{};
    std::memcpy(&result, mnl_attr_get_payload(attribute), sizeof(result));
    return result;
}

std::optional<IpAddress> address(const nlattr* attribute, int family) {
    if (family == AF_INET) {
        const auto four = value<std::uint32_t>(attribute);
        return four ? std::optional{IpAddress::from_ipv4(*four)} : std::nullopt;
    }
    if (family == AF_INET6) return value<IpAddress>(attribute);
    return std::nullopt;
}

// RTA_VIA: a family, then an address (IPv4 routes by way of an IPv6 neighbour, RFC 8950).
std::optional<IpAddress> via(const nlattr* attribute) {
    const auto family = value<std::uint16_t>(attribute);
    if (!family) return std::nullopt;
    const auto* bytes = static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute)) + sizeof(*family);
    const std::size_t size = mnl_attr_get_payload_len(attribute) - sizeof(*family);
    IpAddress result;
    if (*family == AF_INET6 && size >= result.bytes.size()) {
        std::memcpy(result.bytes.data(), bytes, result.bytes.size());
        return result;
    }
    return std::nullopt;
}

std::optional<Zone> zone_of(int index, const InterfaceZones& interfaces) {
    const auto found = interfaces.find(index);
    return found == interfaces.end() ? std::nullopt : std::optional{found->second};
}

// LINKDOWN does not count: the link is our own descriptor, and comes up a moment after it was opened.
bool is_dead(unsigned flags) { return (flags & RTNH_F_DEAD) != 0; }

// Fills zone and gateway; false: through no interface of ours.
bool take_next_hop(Route& route, int index, const nlattr* gateway, const nlattr* gateway_via, int family,
                   const InterfaceZones& interfaces) {
    const auto zone = zone_of(index, interfaces);
    if (!zone) return false;
    route.zone = *zone;
    route.gateway = gateway != nullptr ? address(gateway, family) : via(gateway_via);
    return gateway == nullptr || route.gateway.has_value();
}

bool take_multipath(Route& route, const nlattr* multipath, int family, const InterfaceZones& interfaces) {
    // Copied, so that the macros below may walk it.
    std::vector<char> bytes(mnl_attr_get_payload_len(multipath));
    std::memcpy(bytes.data(), mnl_attr_get_payload(multipath), bytes.size());
    std::size_t offset = 0;
    while (bytes.size() - offset >= sizeof(rtnexthop)) {
        rtnexthop hop{};
        std::memcpy(&hop, bytes.data() + offset, sizeof(hop));
        if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > bytes.size() - offset) return false;
        Attributes attributes{};
        mnl_attr_parse_payload(bytes.data() + offset + sizeof(hop), hop.rtnh_len - sizeof(hop), &keep, &attributes);
        if (!is_dead(hop.rtnh_flags) &&
            take_next_hop(route, hop.rtnh_ifindex, attributes[RTA_GATEWAY], attributes[RTA_VIA], family, interfaces)) {
            return true;
        }
        offset += std::min<std::size_t>(RTNH_ALIGN(hop.rtnh_len), bytes.size() - offset);
    }
    return false;
}

}  // namespace

std::optional<Route> parse_route(const nlmsghdr& message, const InterfaceZones& interfaces) {
    Attributes attributes{};
    const auto* body = parse<rtmsg>(message, attributes);
    if (body == nullptr || (body->rtm_flags & RTM_F_CLONED) != 0) return std::nullopt;
    if (body->rtm_family != AF_INET && body->rtm_family != AF_INET6) return std::nullopt;
    const std::uint32_t table = value<std::uint32_t>(attributes[RTA_TABLE]).value_or(body->rtm_table);
    if (table != RT_TABLE_MAIN) return std::nullopt;

    Route route;
    if (body->rtm_family == AF_INET) route.network = IpAddress::from_ipv4(0);
    if (attributes[RTA_DST] != nullptr) {
        const auto network = address(attributes[RTA_DST], body->rtm_family);
        if (!network) return std::nullopt;
        route.network = *network;
    }
    route.prefix = body->rtm_dst_len;
    route.metric = value<std::uint32_t>(attributes[RTA_PRIORITY]).value_or(0);
    switch (body->rtm_type) {
        case RTN_BLACKHOLE:
        case RTN_UNREACHABLE:
        case RTN_PROHIBIT:
            route.blackhole = true;
            return route;
        case RTN_UNICAST:
            break;
        default:
            return std::nullopt;
    }
    if (is_ipv6_link_local(route.network) || is_dead(body->rtm_flags)) return std::nullopt;
    if (attributes[RTA_MULTIPATH] != nullptr) {
        if (take_multipath(route, attributes[RTA_MULTIPATH], body->rtm_family, interfaces)) return route;
        return std::nullopt;
    }
    const int index = value<int>(attributes[RTA_OIF]).value_or(0);
    if (!take_next_hop(route, index, attributes[RTA_GATEWAY], attributes[RTA_VIA], body->rtm_family, interfaces)) {
        return std::nullopt;
    }
    return route;
}

std::optional<InterfaceAddress> parse_address(const nlmsghdr& message, const InterfaceZones& interfaces) {
    Attributes attributes{};
    const auto* body = parse<ifaddrmsg>(message, attributes);
    if (body == nullptr) return std::nullopt;
    const auto zone = zone_of(static_cast<int>(body->ifa_index), interfaces);
    if (!zone) return std::nullopt;
    const std::uint32_t flags = value<std::uint32_t>(attributes[IFA_FLAGS]).value_or(body->ifa_flags);
    if ((flags & IFA_F_DADFAILED) != 0) return std::nullopt;
    // On a point-to-point link IFA_ADDRESS is the peer's.
    const auto own = address(attributes[attributes[IFA_LOCAL] != nullptr ? IFA_LOCAL : IFA_ADDRESS], body->ifa_family);
    if (!own) return std::nullopt;
    return InterfaceAddress{.address = {*own, body->ifa_prefixlen},
                            .zone = *zone,
                            .global = body->ifa_scope == RT_SCOPE_UNIVERSE,
                            .broadcast = address(attributes[IFA_BROADCAST], body->ifa_family)};
}

std::optional<NeighbourEvent> parse_neighbour(const nlmsghdr& message, const InterfaceZones& interfaces) {
    Attributes attributes{};
    const auto* body = parse<ndmsg>(message, attributes);
    if (body == nullptr || (body->ndm_flags & NTF_PROXY) != 0) return std::nullopt;
    const auto zone = zone_of(body->ndm_ifindex, interfaces);
    const auto whose = address(attributes[NDA_DST], body->ndm_family);
    if (!zone || !whose) return std::nullopt;
    NeighbourEvent event{.zone = *zone, .address = *whose, .mac = {}, .stale = (body->ndm_state & NUD_STALE) != 0};
    constexpr unsigned kUsable = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;
    if (message.nlmsg_type == RTM_NEWNEIGH && (body->ndm_state & kUsable) != 0) {
        event.mac = value<MacAddress>(attributes[NDA_LLADDR]);
    }
    return event;
}

std::optional<LinkState> parse_link(const nlmsghdr& message, const InterfaceZones& interfaces) {
    Attributes attributes{};
    const auto* body = parse<ifinfomsg>(message, attributes);
    if (body == nullptr) return std::nullopt;
    const auto zone = zone_of(body->ifi_index, interfaces);
    const auto mac = value<MacAddress>(attributes[IFLA_ADDRESS]);
    const auto mtu = value<std::uint32_t>(attributes[IFLA_MTU]);
    if (!zone || !mac || !mtu) return std::nullopt;
    return LinkState{.zone = *zone, .mac = *mac, .mtu = static_cast<std::uint16_t>(std::min(*mtu, 65535U))};
}

}  // namespace heartgate::dataplane
