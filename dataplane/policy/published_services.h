// SPDX-License-Identifier: Apache-2.0
// The services that a policy publishes: which machine and port of the LAN are behind a WAN address and port. Immutable;
// whether a packet may go there is for rules and heartbeat conditions to decide.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "dataplane/packet/address.h"
#include "dataplane/policy/network.h"

namespace heartgate::v1 {
class Policy;
}

namespace heartgate::dataplane {

struct PublishedService {
    std::uint8_t protocol = 0;  // TCP or UDP
    std::uint16_t port = 0;     // host order, as all here
    std::uint16_t to_port = 0;
    IpAddress address{};           // IPv4; all zero: every WAN address
    IpAddress to{};                // IPv4
    std::vector<Network> sources;  // of the WAN; none: everybody
};

class PublishedServices {
public:
    static constexpr int kMost = 1'000;
    static constexpr int kMostSources = 256;

    // Errors: one sentence that names the entry, what was found and what is allowed.
    [[nodiscard]] static tl::expected<PublishedServices, std::string> build(const v1::Policy& policy);

    // nullptr: none.
    [[nodiscard]] const PublishedService* find(std::uint8_t protocol, const IpAddress& address,
                                               std::uint16_t port) const noexcept;
    [[nodiscard]] const std::vector<PublishedService>& all() const noexcept { return services_; }

private:
    std::vector<PublishedService> services_;  // by protocol, port, address; the one for every address last
};

}  // namespace heartgate::dataplane
