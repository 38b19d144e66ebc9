// SPDX-License-Identifier: Apache-2.0
// Keeps this machine apart from others that the gateway names as sick: their packets are not taken in, and none are
// sent to them (nftables, one table of its own, IPv4 and IPv6). Who is sick is the gateway's to say.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "controlplane/agent/core/config.h"
#include "controlplane/agent/core/moment.h"
#include "controlplane/common/error.h"
#include "heartgate/v1/heartbeat.pb.h"

struct nft_ctx;

namespace heartgate::control::agent {

// Elements of nftables sets, as it writes them.
struct RefusedAddresses {
    std::set<std::string> macs;
    std::set<std::string> ipv4;
    std::set<std::string> ipv6;
    friend bool operator==(const RefusedAddresses&, const RefusedAddresses&) = default;
    [[nodiscard]] std::size_t size() const { return macs.size() + ipv4.size() + ipv6.size(); }
};

// Without what no machine can have (groups, loopback, wrong lengths) and without `spared`: the way to the gateway.
[[nodiscard]] RefusedAddresses refused_addresses(const std::vector<v1::Peer>& peers, const RefusedAddresses& spared);

// What must not be refused: the heartbeat addresses, and the routers of the default routes with their MAC, behind which
// other machines may seem to be.
[[nodiscard]] RefusedAddresses way_to_gateway(const std::vector<Gateway>& gateways,
                                              const std::string& route_path = "/proc/net/route",
                                              const std::string& arp_path = "/proc/net/arp");

class PeerFilter {
public:
    // What was refused lapses by itself this long after it was named last, so that an agent that has died, or a machine
    // that is elsewhere by now, refuses nobody for ever.
    static constexpr Milliseconds kLapse{120'000};

    // An error (no nftables, no CAP_NET_ADMIN) says what is missing; the machine does without then.
    static Expected<std::unique_ptr<PeerFilter>> start(std::vector<Gateway> gateways);
    ~PeerFilter();  // everything is let in again
    PeerFilter(const PeerFilter&) = delete;
    PeerFilter& operator=(const PeerFilter&) = delete;

    // The whole list, at once when it changes, else again in time before it lapses.
    Expected<void> refuse(const std::vector<v1::Peer>& peers, Milliseconds now);
    // Addresses that are refused now.
    [[nodiscard]] std::size_t refused(Milliseconds now) const { return now - renewed_ < kLapse ? refused_.size() : 0; }

private:
    struct Free {
        void operator()(nft_ctx* context) const noexcept;
    };
    using Context = std::unique_ptr<nft_ctx, Free>;

    PeerFilter(std::vector<Gateway> gateways, Context context);
    Expected<void> run(const std::string& commands);

    const std::vector<Gateway> gateways_;
    const Context context_;
    RefusedAddresses refused_;
    Milliseconds renewed_{-kLapse};
};

}  // namespace heartgate::control::agent
