// SPDX-License-Identifier: Apache-2.0
// Which MAC address the appliance's kernel has for an IP address on its LAN: what the gateway observes itself, as
// opposed to what an agent says.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/common/ip_network.h"

struct mnl_socket;
struct nlmsghdr;

namespace heartgate::control {

// Where an address inside is.
struct Place {
    std::string zone;
    bool routed = false;     // a routed zone: the address alone says who it is
    bool by_router = false;  // not on the zone's own segment
};

class Neighbours {
public:
    virtual ~Neighbours() = default;

    // nullopt: not inside, or there is no dataplane yet.
    [[nodiscard]] virtual std::optional<Place> place(const IpAddress& address) = 0;

    // 6 bytes; nullopt if the kernel has no entry with an address.
    [[nodiscard]] virtual std::optional<std::string> mac(const IpAddress& address) = 0;
    // Has the kernel ask the LAN (ARP, ND) who has this address; a later mac() knows.
    virtual void solicit(const IpAddress& address) = 0;
    // An address of the appliance itself.
    [[nodiscard]] virtual bool own(const IpAddress& address) = 0;
};

// By netlink (RTM_GETNEIGH), one request per question, a few microseconds each.
class KernelNeighbours : public Neighbours {
public:
    KernelNeighbours();
    ~KernelNeighbours() override;
    KernelNeighbours(const KernelNeighbours&) = delete;
    KernelNeighbours& operator=(const KernelNeighbours&) = delete;

    struct Interface {
        std::string name;
        std::string zone;
        bool routed = false;
    };
    // The appliance's interfaces inside, from the dataplane. Without one every question is answered by nullopt.
    void set_interfaces(std::vector<Interface> interfaces) { interfaces_ = std::move(interfaces); }

    [[nodiscard]] std::optional<Place> place(const IpAddress& address) override;

    [[nodiscard]] std::optional<std::string> mac(const IpAddress& address) override;
    void solicit(const IpAddress& address) override;
    [[nodiscard]] bool own(const IpAddress& address) override;

private:
    struct Route {
        unsigned index = 0;
        const Interface* interface = nullptr;
        bool gateway = false;
    };
    // By which of the interfaces Linux reaches the address; nullopt: by none.
    [[nodiscard]] std::optional<Route> route_to(const IpAddress& address);
    // The request, sent, and the answer in `buffer_`; its length, or nothing.
    std::optional<std::size_t> send(nlmsghdr* header);
    std::optional<std::size_t> ask(const IpAddress& address, std::uint16_t type, std::uint16_t flags,
                                   std::uint8_t neighbour_flags);

    mnl_socket* socket_;
    std::vector<Interface> interfaces_;
    unsigned sequence_ = 0;
    alignas(8) std::array<char, 4096> buffer_{};
};

}  // namespace heartgate::control
