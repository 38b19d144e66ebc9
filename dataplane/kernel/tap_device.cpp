// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kernel/tap_device.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "dataplane/kernel/netlink_socket.h"
#include "dataplane/port/file_descriptor.h"

namespace heartgate::dataplane {

namespace {

constexpr int kQueueLength = 1000;  // frames that Linux may have waiting for the kernel path's thread

[[noreturn]] void fail(const std::string& name, const std::string& what, int error, const std::string& advice = "") {
    throw std::runtime_error{fmt::format("TAP device '{}': {}: {}{}", name, what, std::strerror(error),
                                         advice.empty() ? "" : "; " + advice)};
}

ifreq request_for(const std::string& name) {
    ifreq request{};
    if (name.empty() || name.size() >= sizeof(request.ifr_name)) {
        fail(name, "name", EINVAL, "allowed: 1 to 15 bytes");
    }
    std::memcpy(request.ifr_name, name.data(), name.size());
    return request;
}

int open_tap(const std::string& name) {
    FileDescriptor tap{open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)};
    if (tap.get() < 0) fail(name, "/dev/net/tun", errno, "load the module (modprobe tun) and run as root");
    ifreq request = request_for(name);
    // One that `ip tuntap add ... multi_queue` made wants the same flag again.
    for (const int flags : {IFF_TAP | IFF_NO_PI, IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE}) {
        request.ifr_flags = static_cast<short>(flags);
        if (ioctl(tap.get(), TUNSETIFF, &request) == 0) {
            if (ioctl(tap.get(), TUNSETPERSIST, 1) != 0) fail(name, "TUNSETPERSIST", errno);
            return tap.release();
        }
        if (errno != EINVAL) break;
    }
    fail(name, "cannot be opened", errno,
         errno == EBUSY ? "another dataplane has it; stop that one first"
                        : "is there another kind of device of this name?");
}

void write_setting(const std::string& name, const std::string& path, const char* value, bool required) {
    std::ifstream current{path};
    if (std::string text; current >> text && text == value) return;
    std::ofstream file{path};
    file << value << std::flush;
    if (!file && required) fail(name, path, errno == 0 ? EIO : errno, fmt::format("it must be {}", value));
}

// A neighbour that Linux asked for while the dataplane was away is asked for again after this time, by default only
// after a second: that would be the time to the first packet after a restart. Given up after two seconds; one that was
// known is asked for three seconds, as by default, before it is looked for anew.
void write_neighbour_settings(const std::string& name, const std::string& family) {
    const std::string neighbours = "/proc/sys/net/" + family + "/neigh/" + name;
    write_setting(name, neighbours + "/retrans_time_ms", "200", false);
    write_setting(name, neighbours + "/mcast_solicit", "10", false);
    write_setting(name, neighbours + "/ucast_solicit", "15", false);
    write_setting(name, neighbours + "/mcast_resolicit", "3", false);
}

// The kernel answers and sends as this device alone, and never forwards: that is the dataplane's.
void write_settings(const std::string& name, Zone zone) {
    const std::string ipv4 = "/proc/sys/net/ipv4/conf/" + name;
    write_setting(name, ipv4 + "/forwarding", "0", true);
    write_setting(name, ipv4 + "/arp_ignore", "1", true);
    write_setting(name, ipv4 + "/arp_announce", "2", true);
    write_neighbour_settings(name, "ipv4");
    const std::string ipv6 = "/proc/sys/net/ipv6/conf/";
    if (access((ipv6 + name).c_str(), F_OK) != 0) return;  // without IPv6
    // IPv6 forwards when this one is on, whatever the device says.
    write_setting(name, ipv6 + "all/forwarding", "0", true);
    write_setting(name, ipv6 + name + "/forwarding", "0", true);
    if (zone.is_inside()) write_setting(name, ipv6 + name + "/accept_ra", "0", true);  // we are the router
    write_neighbour_settings(name, "ipv6");
}

void set_link(const TapOptions& options) {
    const std::string& name = options.name;
    const FileDescriptor socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (socket.get() < 0) fail(name, "socket", errno);

    ifreq request = request_for(name);
    if (ioctl(socket.get(), SIOCGIFHWADDR, &request) != 0) fail(name, "its MAC address", errno);
    if (std::memcmp(request.ifr_hwaddr.sa_data, options.mac.data(), options.mac.size()) != 0) {
        request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
        std::memcpy(request.ifr_hwaddr.sa_data, options.mac.data(), options.mac.size());
        if (ioctl(socket.get(), SIOCSIFHWADDR, &request) != 0) {
            fail(name, "MAC address " + to_text(options.mac), errno, "it must be a unicast address");
        }
    }
    request = request_for(name);
    request.ifr_mtu = options.mtu;
    if (ioctl(socket.get(), SIOCSIFMTU, &request) != 0) fail(name, fmt::format("MTU {}", options.mtu), errno);
    request = request_for(name);
    request.ifr_qlen = kQueueLength;
    if (ioctl(socket.get(), SIOCSIFTXQLEN, &request) != 0) fail(name, "queue length", errno);
    request = request_for(name);
    if (ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) fail(name, "its flags", errno);
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    if (ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) fail(name, "set up", errno);
}

void add_address(NetlinkSocket& netlink, const std::string& name, int index, const IpPrefix& address) {
    NetlinkRequest request{RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE};
    auto& body = request.body<ifaddrmsg>();
    const bool four = address.address.is_ipv4();
    body.ifa_family = four ? AF_INET : AF_INET6;
    body.ifa_prefixlen = address.length;
    body.ifa_index = static_cast<std::uint32_t>(index);
    if (four) {
        const std::uint32_t value = address.address.ipv4();
        request.attribute(IFA_LOCAL, &value, sizeof(value));
        request.attribute(IFA_ADDRESS, &value, sizeof(value));
        if (address.length < 31) {  // RFC 3021
            const std::uint32_t broadcast = value | htonl(0xffffffffU >> address.length);
            request.attribute(IFA_BROADCAST, &broadcast, sizeof(broadcast));
        }
    } else {
        body.ifa_flags = IFA_F_NODAD;  // services bind to it at once
        request.attribute(IFA_LOCAL, address.address.bytes.data(), address.address.bytes.size());
    }
    if (const int error = netlink.request(request)) {
        fail(name, fmt::format("address {}/{}", to_text(address.address), address.length), error);
    }
}

}  // namespace

TapDevice::TapDevice(const TapOptions& options) {
    FileDescriptor tap{open_tap(options.name)};
    index_ = static_cast<int>(if_nametoindex(options.name.c_str()));
    if (index_ == 0) fail(options.name, "its index", errno);
    write_settings(options.name, options.zone);
    set_link(options);
    NetlinkSocket netlink{0};
    for (const IpPrefix& address : options.addresses) add_address(netlink, options.name, index_, address);
    descriptor_ = tap.release();
}

TapDevice::~TapDevice() {
    if (descriptor_ >= 0) close(descriptor_);
}

TapDevice::TapDevice(TapDevice&& other) noexcept
    : descriptor_{std::exchange(other.descriptor_, -1)}, index_{other.index_} {}

}  // namespace heartgate::dataplane
