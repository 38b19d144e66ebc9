// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/linux/peer_filter.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <sstream>

#include "controlplane/agent/linux/files.h"
#include "controlplane/agent/linux/unique_fd.h"

namespace heartgate::control::agent {
namespace {

constexpr Milliseconds kRenewAfter = PeerFilter::kLapse / 4;

// Ahead of the machine's own filter, so that what that one lets in makes no difference. The frame's source is known
// where it comes in alone.
constexpr const char* kTable = R"(add table inet heartgate
delete table inet heartgate
table inet heartgate {
  set refused_mac { type ether_addr; flags timeout; }
  set refused_ipv4 { type ipv4_addr; flags timeout; }
  set refused_ipv6 { type ipv6_addr; flags timeout; }
  chain input {
    type filter hook input priority filter - 10; policy accept;
    iifname "lo" accept
    ether saddr @refused_mac counter drop
    ip saddr @refused_ipv4 counter drop
    ip6 saddr @refused_ipv6 counter drop
  }
  chain output {
    type filter hook output priority filter - 10; policy accept;
    oifname "lo" accept
    ip daddr @refused_ipv4 counter drop
    ip6 daddr @refused_ipv6 counter drop
  }
  chain forward {
    type filter hook forward priority filter - 10; policy accept;
    ether saddr @refused_mac counter drop
    ip saddr @refused_ipv4 counter drop
    ip daddr @refused_ipv4 counter drop
    ip6 saddr @refused_ipv6 counter drop
    ip6 daddr @refused_ipv6 counter drop
  }
}
)";

std::string mac_text(const std::string& mac) {
    std::array<unsigned, 6> byte{};
    for (std::size_t i = 0; i < byte.size(); ++i) byte[i] = static_cast<unsigned char>(mac[i]);
    return fmt::format("{:02x}", fmt::join(byte, ":"));
}

bool is_machine_mac(const std::string& mac) {
    return mac.size() == 6 && (mac[0] & 1) == 0 && mac != std::string(6, '\0');
}

bool is_machine_ipv4(const std::string& address) {
    const auto first = static_cast<unsigned char>(address[0]);
    return first != 0 && first != 127 && first < 224;
}

bool is_machine_ipv6(const std::string& address) {
    static const std::string kLoopback = std::string(15, '\0') + '\1';
    return static_cast<unsigned char>(address[0]) != 0xff && address != kLoopback && address != std::string(16, '\0');
}

std::string ip_text(int family, const void* address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    return ::inet_ntop(family, address, text.data(), text.size()) == nullptr ? "" : text.data();
}

void add_elements(std::string& commands, const char* set, const std::set<std::string>& elements) {
    commands += fmt::format("flush set inet heartgate {}\n", set);
    if (elements.empty()) return;
    const std::string timeout = fmt::format(" timeout {}s", PeerFilter::kLapse.count() / 1000);
    commands +=
        fmt::format("add element inet heartgate {} {{ {}{} }}\n", set, fmt::join(elements, timeout + ", "), timeout);
}

}  // namespace

RefusedAddresses refused_addresses(const std::vector<v1::Peer>& peers, const RefusedAddresses& spared) {
    RefusedAddresses result;
    const auto add = [](std::set<std::string>& to, const std::set<std::string>& not_these, std::string text) {
        if (!not_these.contains(text)) to.insert(std::move(text));
    };
    for (const v1::Peer& peer : peers) {
        if (is_machine_mac(peer.mac())) add(result.macs, spared.macs, mac_text(peer.mac()));
        for (const std::string& address : peer.addresses()) {
            if (address.size() == 4 && is_machine_ipv4(address)) {
                add(result.ipv4, spared.ipv4, ip_text(AF_INET, address.data()));
            } else if (address.size() == 16 && is_machine_ipv6(address)) {
                add(result.ipv6, spared.ipv6, ip_text(AF_INET6, address.data()));
            }
        }
    }
    return result;
}

RefusedAddresses way_to_gateway(const std::vector<Gateway>& gateways, const std::string& route_path,
                                const std::string& arp_path) {
    RefusedAddresses way;
    for (const Gateway& gateway : gateways) {
        std::array<unsigned char, 16> address{};
        const bool ipv6 = gateway.address.find(':') != std::string::npos;
        const int family = ipv6 ? AF_INET6 : AF_INET;
        if (::inet_pton(family, gateway.address.c_str(), address.data()) != 1) continue;
        (ipv6 ? way.ipv6 : way.ipv4).insert(ip_text(family, address.data()));
    }
    std::set<std::string> routers;
    std::ifstream routes{route_path};
    for (std::string line; std::getline(routes, line);) {
        // Iface Destination Gateway ..., addresses as hexadecimal words in the order of this machine
        std::istringstream words{line};
        std::string interface;
        std::string destination;
        std::uint32_t router = 0;
        if (!(words >> interface >> destination >> std::hex >> router) || destination != "00000000") continue;
        if (router != 0) routers.insert(ip_text(AF_INET, &router));
    }
    way.ipv4.insert(routers.begin(), routers.end());
    std::ifstream neighbours{arp_path};
    for (std::string line; std::getline(neighbours, line);) {
        // IP address, HW type, Flags, HW address, Mask, Device
        std::istringstream words{line};
        std::string address;
        std::string skipped;
        std::string mac;
        if (words >> address >> skipped >> skipped >> mac && routers.contains(address)) way.macs.insert(mac);
    }
    return way;
}

void PeerFilter::Free::operator()(nft_ctx* context) const noexcept { ::nft_ctx_free(context); }

PeerFilter::PeerFilter(std::vector<Gateway> gateways, Context context)
    : gateways_{std::move(gateways)}, context_{std::move(context)} {}

Expected<std::unique_ptr<PeerFilter>> PeerFilter::start(std::vector<Gateway> gateways) {
    // libnftables ends the process where there is no such socket.
    const UniqueFd probe{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)};
    if (!probe.valid()) return tl::unexpected{system_error("cannot open a", "netlink socket for nftables")};
    Context context{::nft_ctx_new(NFT_CTX_DEFAULT)};
    if (!context) return error(ErrorKind::kFailedPrecondition, "nftables cannot be used: no memory");
    ::nft_ctx_buffer_error(context.get());
    ::nft_ctx_buffer_output(context.get());
    std::unique_ptr<PeerFilter> filter{new PeerFilter{std::move(gateways), std::move(context)}};
    if (const auto made = filter->run(kTable); !made) return tl::unexpected{made.error()};
    return filter;
}

PeerFilter::~PeerFilter() {
    if (const auto removed = run("delete table inet heartgate\n"); !removed) {
        spdlog::warn("{}; what is refused lapses within {} s", removed.error().message, kLapse.count() / 1000);
    }
}

Expected<void> PeerFilter::run(const std::string& commands) {
    if (::nft_run_cmd_from_buffer(context_.get(), commands.c_str()) == 0) return {};
    std::string reason = ::nft_ctx_get_error_buffer(context_.get());
    reason = reason.substr(0, reason.find('\n'));
    return error(ErrorKind::kFailedPrecondition,
                 fmt::format("nftables: {}; refusing sick machines needs nf_tables in the kernel and CAP_NET_ADMIN",
                             reason.empty() ? "refused" : reason));
}

Expected<void> PeerFilter::refuse(const std::vector<v1::Peer>& peers, Milliseconds now) {
    RefusedAddresses wanted = refused_addresses(peers, way_to_gateway(gateways_));
    if (wanted == refused_ && (wanted.size() == 0 || now - renewed_ < kRenewAfter)) return {};
    std::string commands;  // one transaction: there is no moment without the old or the new ones
    add_elements(commands, "refused_mac", wanted.macs);
    add_elements(commands, "refused_ipv4", wanted.ipv4);
    add_elements(commands, "refused_ipv6", wanted.ipv6);
    // Somebody may have flushed the ruleset, this table with it.
    if (!run(commands)) {
        if (auto made_anew = run(kTable + commands); !made_anew) return made_anew;
    }
    if (wanted != refused_) spdlog::info("{} addresses of sick machines are refused", wanted.size());
    refused_ = std::move(wanted);
    renewed_ = now;
    return {};
}

}  // namespace heartgate::control::agent
