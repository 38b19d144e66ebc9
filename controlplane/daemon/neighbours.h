// SPDX-License-Identifier: Apache-2.0
// Which MAC address the appliance's kernel has for an IP address on its LAN: what the gateway observes itself, as
// opposed to what an agent says.
#pragma once

#include <optional>
#include <string>

#include "controlplane/common/ip_network.h"

struct mnl_socket;

namespace heartgate::control {

class Neighbours {
public:
    virtual ~Neighbours() = default;

    // 6 bytes; nullopt if the kernel has no entry with an address.
    [[nodiscard]] virtual std::optional<std::string> mac(const IpAddress& address) = 0;
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

    // The appliance's interface on the LAN, from the dataplane. Without one every question is answered by nullopt.
    void set_interface(const std::string& name) { interface_ = name; }

    [[nodiscard]] std::optional<std::string> mac(const IpAddress& address) override;
    [[nodiscard]] bool own(const IpAddress& address) override;

private:
    mnl_socket* socket_;
    std::string interface_;
    unsigned sequence_ = 0;
};

}  // namespace heartgate::control
