// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/linux/machine.h"

#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>
#include <utmpx.h>

#include <array>
#include <ctime>
#include <fstream>
#include <map>
#include <memory>

namespace heartgate::control::agent {
namespace {

std::string first_line(const char* path) {
    std::ifstream file{path};
    std::string line;
    std::getline(file, line);
    return line;
}

std::uint64_t seconds(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return static_cast<std::uint64_t>(time.tv_sec);
}

template <typename Field>
std::string bytes_of(const Field& field, std::size_t length) {
    return {reinterpret_cast<const char*>(&field), length};
}

void add_address(const sockaddr* address, v1::Interface& interface) {
    if (address->sa_family == AF_INET) {
        const auto* ipv4 = reinterpret_cast<const sockaddr_in*>(address);
        interface.add_addresses(bytes_of(ipv4->sin_addr, 4));
    } else if (address->sa_family == AF_INET6) {
        const auto* ipv6 = reinterpret_cast<const sockaddr_in6*>(address);
        interface.add_addresses(bytes_of(ipv6->sin6_addr, 16));
    } else if (address->sa_family == AF_PACKET) {
        const auto* link = reinterpret_cast<const sockaddr_ll*>(address);
        if (link->sll_halen == 6) interface.set_mac(bytes_of(link->sll_addr, 6));
    }
}

}  // namespace

Boot current_boot() {
    return {first_line("/proc/sys/kernel/random/boot_id"), seconds(CLOCK_REALTIME) - seconds(CLOCK_BOOTTIME)};
}

std::string host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return "";
    return name.data();
}

std::string logged_in_user() {
    std::string user;
    std::int64_t latest = 0;
    ::setutxent();
    while (const utmpx* entry = ::getutxent()) {
        if (entry->ut_type != USER_PROCESS || entry->ut_tv.tv_sec < latest) continue;
        latest = entry->ut_tv.tv_sec;
        user.assign(entry->ut_user, ::strnlen(entry->ut_user, sizeof entry->ut_user));
    }
    ::endutxent();
    return user;
}

std::string operating_system() {
    std::ifstream file{"/etc/os-release"};
    constexpr std::string_view kKey = "PRETTY_NAME=";
    for (std::string line; std::getline(file, line);) {
        if (line.rfind(kKey, 0) != 0) continue;
        std::string value = line.substr(kKey.size());
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
        return value;
    }
    return "Linux";
}

std::string machine_id() { return first_line("/etc/machine-id"); }

std::vector<v1::Interface> network_interfaces() {
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return {};
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner{list, &::freeifaddrs};
    std::map<std::string, v1::Interface> by_name;
    for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
        if ((entry->ifa_flags & IFF_LOOPBACK) != 0 || entry->ifa_addr == nullptr) continue;
        add_address(entry->ifa_addr, by_name[entry->ifa_name]);
    }
    std::vector<v1::Interface> result;
    for (auto& [name, interface] : by_name) {
        interface.set_name(name);
        if (!interface.mac().empty() || interface.addresses_size() != 0) result.push_back(interface);
    }
    return result;
}

std::uint64_t monotonic_ns() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(time.tv_nsec);
}

MachineFacts machine_facts(const Config& config) {
    return {config.host.empty() ? host_name() : config.host, config.user.empty() ? logged_in_user() : config.user,
            operating_system(), network_interfaces()};
}

}  // namespace heartgate::control::agent
