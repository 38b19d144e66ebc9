// SPDX-License-Identifier: Apache-2.0
// Asks Linux to resolve a neighbour, as `ip neigh replace ADDRESS dev DEVICE use` does: RTM_NEWNEIGH, NUD_NONE,
// NTF_USE. The answer comes through the netlink mirror. One thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "dataplane/kernel/netlink_socket.h"
#include "dataplane/packet/address.h"

namespace heartgate::dataplane {

class NeighbourResolver {
public:
    using Clock = std::chrono::steady_clock;
    // The kernel itself repeats a solicitation at this interval, ten times (TapDevice sets it so).
    static constexpr std::chrono::milliseconds kAskAgain{200};
    static constexpr unsigned kMostPerSecond = 2'000;

    NeighbourResolver() : socket_{0} {}

    // False: asked too recently, or too much asked in this second.
    bool resolve(int interface_index, const IpAddress& address, Clock::time_point now) noexcept;

private:
    struct Asked {
        int interface_index = 0;
        IpAddress address{};
        Clock::time_point at{};
    };

    NetlinkSocket socket_;
    std::array<Asked, 256> asked_{};  // by a hash of the address; a collision only asks more often
    Clock::time_point second_{};
    unsigned in_second_ = 0;
};

}  // namespace heartgate::dataplane
