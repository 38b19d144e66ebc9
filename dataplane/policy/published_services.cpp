// SPDX-License-Identifier: Apache-2.0
// heartgate.v1.Policy.publish, checked: the policy comes from another process.
#include "dataplane/policy/published_services.h"

#include <fmt/format.h>
#include <heartgate/v1/policy.pb.h>
#include <netinet/in.h>

#include <algorithm>
#include <tuple>

#include "dataplane/packet/address_text.h"

namespace heartgate::dataplane {

namespace {

using Error = tl::unexpected<std::string>;

std::tuple<std::uint8_t, std::uint16_t> place(const PublishedService& service) {
    return {service.protocol, service.port};
}

tl::expected<PublishedService, std::string> read(const v1::PublishedService& from) {
    if (from.protocol() != IPPROTO_TCP && from.protocol() != IPPROTO_UDP) {
        return Error{fmt::format("found protocol {}; allowed: 6 (TCP), 17 (UDP)", from.protocol())};
    }
    const auto is_port = [](std::uint32_t port) { return port > 0 && port <= 0xffff; };
    if (!is_port(from.port()) || !is_port(from.to_port())) {
        return Error{fmt::format("found ports {} and {}; allowed: 1 to 65535", from.port(), from.to_port())};
    }
    PublishedService service{.protocol = static_cast<std::uint8_t>(from.protocol()),
                             .port = static_cast<std::uint16_t>(from.port()),
                             .to_port = static_cast<std::uint16_t>(from.to_port()),
                             .address = {},
                             .to = {},
                             .sources = {}};
    const auto to = parse_ip(from.to());
    const auto address = from.address().empty() ? IpAddress{} : parse_ip(from.address());
    if (!to || !to->is_ipv4() || !address || (!from.address().empty() && !address->is_ipv4())) {
        return Error{fmt::format("found address '{}' and to '{}'; allowed: IPv4 addresses, address may be empty",
                                 from.address(), from.to())};
    }
    service.to = *to;
    service.address = *address;
    if (from.sources_size() > PublishedServices::kMostSources) {
        return Error{
            fmt::format("found {} sources; allowed: {}", from.sources_size(), PublishedServices::kMostSources)};
    }
    for (const std::string& text : from.sources()) {
        const auto network = Network::parse(text);
        if (!network) return Error{fmt::format("found source '{}'; allowed: CIDR such as 192.0.2.0/24", text)};
        service.sources.push_back(*network);
    }
    return service;
}

}  // namespace

tl::expected<PublishedServices, std::string> PublishedServices::build(const v1::Policy& policy) {
    if (policy.publish_size() > kMost) {
        return Error{fmt::format("policy: publish: found {} services; allowed: {}", policy.publish_size(), kMost)};
    }
    PublishedServices made;
    for (int i = 0; i < policy.publish_size(); ++i) {
        auto service = read(policy.publish(i));
        if (!service) return Error{fmt::format("policy: publish {}: {}", i + 1, service.error())};
        made.services_.push_back(std::move(*service));
    }
    const auto before = [](const PublishedService& a, const PublishedService& b) {
        return place(a) != place(b) ? place(a) < place(b) : b.address.bytes < a.address.bytes;
    };
    std::sort(made.services_.begin(), made.services_.end(), before);
    const auto twice =
        std::adjacent_find(made.services_.begin(), made.services_.end(),
                           [](const auto& a, const auto& b) { return place(a) == place(b) && a.address == b.address; });
    if (twice != made.services_.end()) {
        return Error{fmt::format("policy: publish: found protocol {} port {} of one address twice; allowed: once",
                                 twice->protocol, twice->port)};
    }
    return made;
}

const PublishedService* PublishedServices::find(std::uint8_t protocol, const IpAddress& address,
                                                std::uint16_t port) const noexcept {
    const std::tuple wanted{protocol, port};
    auto at = std::lower_bound(services_.begin(), services_.end(), wanted,
                               [](const PublishedService& service, const auto& key) { return place(service) < key; });
    for (; at != services_.end() && place(*at) == wanted; ++at) {
        if (at->address == address || at->address == IpAddress{}) return &*at;
    }
    return nullptr;
}

}  // namespace heartgate::dataplane
