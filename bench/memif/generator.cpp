// SPDX-License-Identifier: Apache-2.0
// The same load for every program that is compared over net_memif: UDP packets of many flows in random order out of
// port 0, what comes back on port 1 is counted. One lcore does both; results are one JSON line on stdout. It stamps
// nothing and checks nothing but IPv4 on the way back: correctness is shown by tests, not here.
//
//   generator EAL-OPTIONS -- --flows N --seconds S --destination-mac MAC [--source-network A.B.C.D] [--size BYTES]
#include <getopt.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr std::uint16_t kBurst = 32;
constexpr std::uint16_t kDescriptors = 2048;

struct Options {
    std::uint32_t flows = 1000;
    double seconds = 2.0;
    rte_ether_addr destination{};
    std::uint32_t source_network = RTE_IPV4(10, 20, 0, 0);  // host order; sources are its addresses from .10 on
    std::uint16_t size = 60;                                // frame bytes without FCS
};

Options parse(int argc, char** argv) {
    static constexpr std::array<option, 6> kOptions{{{"flows", required_argument, nullptr, 'f'},
                                                     {"seconds", required_argument, nullptr, 's'},
                                                     {"destination-mac", required_argument, nullptr, 'd'},
                                                     {"source-network", required_argument, nullptr, 'n'},
                                                     {"size", required_argument, nullptr, 'z'},
                                                     {nullptr, 0, nullptr, 0}}};
    Options options;
    for (int key = 0; (key = getopt_long(argc, argv, "", kOptions.data(), nullptr)) != -1;) {
        switch (key) {
            case 'f':
                options.flows = static_cast<std::uint32_t>(std::stoul(optarg));
                break;
            case 's':
                options.seconds = std::stod(optarg);
                break;
            case 'd':
                if (rte_ether_unformat_addr(optarg, &options.destination) != 0)
                    throw std::invalid_argument("--destination-mac: expected aa:bb:cc:dd:ee:ff");
                break;
            case 'n': {
                std::array<unsigned, 4> part{};
                if (std::sscanf(optarg, "%u.%u.%u.%u", &part[0], &part[1], &part[2], &part[3]) != 4)
                    throw std::invalid_argument("--source-network: expected A.B.C.D");
                options.source_network = (part[0] << 24U) | (part[1] << 16U) | (part[2] << 8U) | part[3];
                break;
            }
            case 'z':
                options.size = static_cast<std::uint16_t>(std::stoul(optarg));
                break;
            default:
                throw std::invalid_argument("unknown option");
        }
    }
    return options;
}

void start_port(std::uint16_t port, rte_mempool* pool) {
    rte_eth_conf configuration{};
    if (rte_eth_dev_configure(port, 1, 1, &configuration) != 0 ||
        rte_eth_rx_queue_setup(port, 0, kDescriptors, 0, nullptr, pool) != 0 ||
        rte_eth_tx_queue_setup(port, 0, kDescriptors, 0, nullptr) != 0 || rte_eth_dev_start(port) != 0)
        throw std::runtime_error("port " + std::to_string(port) + " does not start");
}

bool is_connected(std::uint16_t port) {
    rte_eth_link link{};
    return rte_eth_link_get_nowait(port, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

// A client asks once, when it starts. The other side refuses as long as its own port has not started, which may be
// seconds after it has made the socket: ask again.
void connect(std::uint16_t port) {
    constexpr unsigned kWaitMs = 250;
    constexpr unsigned kMostMs = 20'000;
    for (unsigned waited = 0; !is_connected(port); ++waited) {
        if (waited == kMostMs) {
            throw std::runtime_error("port " + std::to_string(port) + " is not connected after 20 s");
        }
        rte_delay_us_sleep(1000);
        if (waited % kWaitMs == kWaitMs - 1) {
            rte_eth_dev_stop(port);
            rte_eth_dev_start(port);  // its result: whether it is connected soon
        }
    }
}

// One mbuf per flow; it is sent again and again by holding a reference.
rte_mbuf* make_packet(rte_mempool* pool, const Options& options, std::uint32_t flow) {
    rte_mbuf* packet = rte_pktmbuf_alloc(pool);
    if (packet == nullptr) throw std::runtime_error("not enough mbufs for the flows");
    auto* ethernet = reinterpret_cast<rte_ether_hdr*>(rte_pktmbuf_append(packet, options.size));
    *ethernet = {};
    ethernet->dst_addr = options.destination;
    const std::uint32_t host = flow % 200;
    ethernet->src_addr = {{0x02, 0, 0, 0, 1, static_cast<std::uint8_t>(host)}};
    ethernet->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
    auto* ip = reinterpret_cast<rte_ipv4_hdr*>(ethernet + 1);
    const auto ip_length = static_cast<std::uint16_t>(options.size - sizeof(rte_ether_hdr));
    *ip = {};
    ip->version_ihl = RTE_IPV4_VHL_DEF;
    ip->total_length = rte_cpu_to_be_16(ip_length);
    ip->time_to_live = 64;
    ip->next_proto_id = IPPROTO_UDP;
    ip->src_addr = rte_cpu_to_be_32(options.source_network + 10 + host);
    ip->dst_addr = rte_cpu_to_be_32(RTE_IPV4(198, 18, 0, 0) + 1 + (flow / 200) % 250);
    ip->hdr_checksum = rte_ipv4_cksum(ip);
    auto* udp = reinterpret_cast<rte_udp_hdr*>(ip + 1);
    const std::uint32_t series = flow / (200 * 250);
    udp->src_port = rte_cpu_to_be_16(static_cast<std::uint16_t>(10000 + series));
    udp->dst_port = rte_cpu_to_be_16(9);
    udp->dgram_len = rte_cpu_to_be_16(static_cast<std::uint16_t>(ip_length - sizeof(rte_ipv4_hdr)));
    udp->dgram_cksum = rte_ipv4_udptcp_cksum(ip, udp);
    return packet;
}

struct Totals {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
};

Totals run(const std::vector<rte_mbuf*>& packets, std::uint64_t cycles) {
    Totals totals;
    std::array<rte_mbuf*, kBurst> burst{};
    std::size_t next = 0;
    const std::uint64_t end = rte_rdtsc() + cycles;
    while (rte_rdtsc() < end) {
        const std::uint16_t received = rte_eth_rx_burst(1, 0, burst.data(), kBurst);
        totals.received += received;
        rte_pktmbuf_free_bulk(burst.data(), received);
        for (rte_mbuf*& packet : burst) {
            packet = packets[next];
            rte_mbuf_refcnt_update(packet, 1);
            next = next + 1 == packets.size() ? 0 : next + 1;
        }
        const std::uint16_t sent = rte_eth_tx_burst(0, 0, burst.data(), kBurst);
        totals.sent += sent;
        for (std::uint16_t i = sent; i < kBurst; ++i) rte_mbuf_refcnt_update(burst[i], -1);
        const std::uint16_t stray = rte_eth_rx_burst(0, 0, burst.data(), kBurst);
        rte_pktmbuf_free_bulk(burst.data(), stray);
    }
    return totals;
}

int generate(int argc, char** argv) {
    const int used = rte_eal_init(argc, argv);
    if (used < 0) throw std::runtime_error("EAL does not start");
    const Options options = parse(argc - used, argv + used);
    if (rte_eth_dev_count_avail() != 2) throw std::runtime_error("two ports needed (--vdev net_memif0,... twice)");
    rte_mempool* pool = rte_pktmbuf_pool_create("generator", std::max(options.flows + 8192U, 16384U), 256, 0,
                                                RTE_MBUF_DEFAULT_BUF_SIZE, static_cast<int>(rte_socket_id()));
    if (pool == nullptr) throw std::runtime_error("not enough memory for the packet pool");
    start_port(0, pool);
    start_port(1, pool);
    connect(0);
    connect(1);
    std::vector<rte_mbuf*> packets;
    for (std::uint32_t flow = 0; flow < options.flows; ++flow) packets.push_back(make_packet(pool, options, flow));
    std::shuffle(packets.begin(), packets.end(), std::mt19937{1});

    // Until something comes back: the program under test may still have to learn where packets go.
    const std::uint64_t hz = rte_get_tsc_hz();
    bool forwarding = false;
    for (int attempt = 0; attempt < 300 && !forwarding; ++attempt) forwarding = run(packets, hz / 20).received > 0;
    if (!forwarding) throw std::runtime_error("nothing came back on port 1 within 15 s");
    run(packets, hz / 2);
    const Totals totals = run(packets, static_cast<std::uint64_t>(options.seconds * static_cast<double>(hz)));
    std::printf("{\"flows\": %u, \"size\": %u, \"seconds\": %.2f, \"sent_pps\": %.0f, \"received_pps\": %.0f}\n",
                options.flows, options.size + 4U, options.seconds, static_cast<double>(totals.sent) / options.seconds,
                static_cast<double>(totals.received) / options.seconds);
    return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return generate(argc, argv);
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "generator: %s\n", failure.what());
        return EXIT_FAILURE;
    }
}
