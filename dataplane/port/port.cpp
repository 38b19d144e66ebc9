// SPDX-License-Identifier: Apache-2.0
#include "dataplane/port/port.h"

#include <fmt/format.h>
#include <net/if.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

#include "dataplane/port/network_namespace.h"

namespace heartgate::dataplane {
namespace {

// Both directions of an untranslated flow get the same hash (Woo and Park, "Scalable TCP session monitoring with
// symmetric receive-side scaling").
constexpr std::array<std::uint8_t, 52> kSymmetricKey = [] {
    std::array<std::uint8_t, 52> key{};
    for (std::size_t i = 0; i < key.size(); ++i) key[i] = i % 2 == 0 ? 0x6d : 0x5a;
    return key;
}();

[[noreturn]] void fail(const PortConfig& config, const std::string& what) {
    throw std::runtime_error{fmt::format("port {} ({}): {}", config.name, config.device, what)};
}

void check(int result, const PortConfig& config, const char* what) {
    if (result < 0) fail(config, fmt::format("{}: {}", what, rte_strerror(-result)));
}

std::string device_name(const PortConfig& config) { return config.device.substr(0, config.device.find(',')); }

// net_tap would make a missing interface itself, without a cable; net_af_packet's own message names a number.
void check_interface(const PortConfig& config) {
    const std::size_t begin = config.device.find(",iface=");
    if (begin == std::string::npos) return;
    const std::string name = config.device.substr(begin + 7, config.device.find(',', begin + 7) - begin - 7);
    if (if_nametoindex(name.c_str()) != 0) return;
    const std::string inside = config.netns.empty() ? "" : fmt::format(" -n {}", config.netns);
    fail(config,
         fmt::format("there is no interface {}; make it, for net_tap: ip{} tuntap add dev {} mode tap multi_queue",
                     name, inside, name));
}

std::uint16_t add_device(const PortConfig& config) {
    const std::string name = device_name(config);
    std::uint16_t id = 0;
    if (is_virtual(config.device)) {
        check_interface(config);
        const std::size_t comma = config.device.find(',');
        const std::string arguments = comma == std::string::npos ? "" : config.device.substr(comma + 1);
        const int result = rte_eal_hotplug_add("vdev", name.c_str(), arguments.c_str());
        if (result < 0) {
            fail(config,
                 fmt::format(
                     "the device cannot be made: {}; is ports.{}.device right, and does no other program use it?",
                     rte_strerror(-result), config.name));
        }
    }
    if (rte_eth_dev_get_port_by_name(name.c_str(), &id) != 0) {
        fail(config, fmt::format("no such device, or it is not bound to a driver that DPDK can use; run: driverctl "
                                 "set-override {} vfio-pci",
                                 name));
    }
    return id;
}

rte_eth_conf device_configuration(const rte_eth_dev_info& info, unsigned queues) {
    rte_eth_conf conf{};
    if (queues > 1 && info.flow_type_rss_offloads != 0) {
        static std::array<std::uint8_t, 52> key = kSymmetricKey;
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf =
            info.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
        if (info.hash_key_size > 0 && info.hash_key_size <= key.size()) {
            conf.rx_adv_conf.rss_conf.rss_key = key.data();
            conf.rx_adv_conf.rss_conf.rss_key_len = info.hash_key_size;
        }
    }
    return conf;
}

void set_mtu(std::uint16_t id, const PortConfig& config) {
    std::uint16_t mtu = 0;
    if (rte_eth_dev_get_mtu(id, &mtu) == 0 && mtu == config.mtu) return;
    const int result = rte_eth_dev_set_mtu(id, config.mtu);
    // net_memif and net_ring have no MTU of their own: they carry what fits into an mbuf.
    if (result != -ENOTSUP) check(result, config, "the MTU cannot be set; change ports.*.mtu");
}

void set_queues(std::uint16_t id, const PortConfig& config, unsigned queues, rte_mempool* pool) {
    rte_eth_dev_info info{};
    check(rte_eth_dev_info_get(id, &info), config, "the device does not say what it can");
    const unsigned most = std::min<unsigned>(info.max_rx_queues, info.max_tx_queues);
    if (queues > most) {
        fail(config, fmt::format("the device has {} queues, but {} workers want one each; shorten workers.cores to {}",
                                 most, queues, most));
    }
    const rte_eth_conf conf = device_configuration(info, queues);
    const auto count = static_cast<std::uint16_t>(queues);
    check(rte_eth_dev_configure(id, count, count, &conf), config, "the device cannot be configured");
    set_mtu(id, config);
    std::uint16_t rx = config.descriptors;
    std::uint16_t tx = config.descriptors;
    check(rte_eth_dev_adjust_nb_rx_tx_desc(id, &rx, &tx), config,
          "no such number of descriptors; change ports.*.descriptors");
    const auto socket = static_cast<unsigned>(rte_eth_dev_socket_id(id));
    for (std::uint16_t queue = 0; queue < count; ++queue) {
        check(rte_eth_rx_queue_setup(id, queue, rx, socket, nullptr, pool), config, "a receive queue cannot be made");
        check(rte_eth_tx_queue_setup(id, queue, tx, socket, nullptr), config, "a transmit queue cannot be made");
    }
}

MacAddress choose_mac(std::uint16_t id, const PortConfig& config, std::uint8_t number,
                      const MacAddress* interface_mac) {
    if (is_virtual(config.device)) {
        // Never the vdev's own: a bridge takes the address of net_tap's kernel side as its own and would swallow what
        // is sent to the appliance. Nothing is told to the device either: it filters nothing.
        if (config.mac) return *config.mac;
        if (interface_mac != nullptr) return *interface_mac;
        return {0x02, 0x48, 0x47, 0x00, 0x00, static_cast<std::uint8_t>(number + 1U)};
    }
    rte_ether_addr address{};
    if (config.mac) {
        std::memcpy(address.addr_bytes, config.mac->data(), config.mac->size());
        check(rte_eth_dev_default_mac_addr_set(id, &address), config,
              "the MAC address cannot be set; remove ports.*.mac to use the device's own");
    }
    check(rte_eth_macaddr_get(id, &address), config, "the device has no MAC address");
    MacAddress mac{};
    std::memcpy(mac.data(), address.addr_bytes, mac.size());
    return mac;
}

}  // namespace

bool is_virtual(const std::string& device) {
    // A PCI address: domain:bus:device.function, the domain optional.
    const std::string name = device.substr(0, device.find(','));
    return name.find(':') == std::string::npos;
}

Port open_port(const PortConfig& config, std::uint8_t number, unsigned queues, rte_mempool* pool,
               const MacAddress* interface_mac) {
    // The queues of net_tap open the interface, too.
    const InNetworkNamespace inside{config.netns};
    Port port;
    port.id = add_device(config);
    set_queues(port.id, config, queues, pool);
    port.mac = choose_mac(port.id, config, number, interface_mac);
    check(rte_eth_dev_start(port.id), config, "the device does not start");
    const int result = rte_eth_promiscuous_enable(port.id);
    if (result != -ENOTSUP) check(result, config, "the device cannot be made promiscuous");
    return port;
}

void close_port(const PortConfig& config, const Port& port) noexcept {
    if (is_virtual(config.device)) return;
    if (rte_eth_dev_stop(port.id) == 0) rte_eth_dev_close(port.id);
}

}  // namespace heartgate::dataplane
