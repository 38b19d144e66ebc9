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

class Neighbours {
public:
    virtual ~Neighbours() = default;

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

    // The appliance's interfaces inside, from the dataplane. Without one every question is answered by nullopt.
    void set_interfaces(std::vector<std::string> names) { interfaces_ = std::move(names); }

    [[nodiscard]] std::optional<std::string> mac(const IpAddress& address) override;
    void solicit(const IpAddress& address) override;
    [[nodiscard]] bool own(const IpAddress& address) override;

private:
    // The index of that interface by which Linux reaches the address on its own segment; 0: by none.
    [[nodiscard]] unsigned interface_to(const IpAddress& address);
    // The request, sent, and the answer in `buffer_`; its length, or nothing.
    std::optional<std::size_t> send(nlmsghdr* header);
    std::optional<std::size_t> ask(const IpAddress& address, std::uint16_t type, std::uint16_t flags,
                                   std::uint8_t neighbour_flags);

    mnl_socket* socket_;
    std::vector<std::string> interfaces_;
    unsigned sequence_ = 0;
    alignas(8) std::array<char, 4096> buffer_{};
};

}  // namespace heartgate::control
