// SPDX-License-Identifier: Apache-2.0
// One worker with everything it needs, on an EAL without hugepages and two ring ports:
//
//   pc 10.0.0.10, other 10.0.0.11 (endpoints), guest 10.0.0.66 (none)   LAN 10.0.0.0/24, 2001:db8:1::/64
//   gateway: 10.0.0.1, 2001:db8:1::1, heartbeat address 192.0.2.1       WAN 198.51.100.1, 2001:db8:2::1
//   router 198.51.100.254, 2001:db8:2::fe: the way to everything else
//   VLANs beside the LAN on its port (tests/zones.h): guests 10.0.20.0/24, servers 10.0.30.0/24 with `server`, campus
//   10.0.40.0/24, where a layer 3 switch, `switch`, leads to 10.8.0.0/16
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/endpoint/activity.h"
#include "dataplane/endpoint/binding_table.h"
#include "dataplane/endpoint/endpoint_table.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/fragment/fragment_tracker.h"
#include "dataplane/kernel/kernel_path.h"
#include "dataplane/observe/observers.h"
#include "dataplane/policy/gate.h"
#include "dataplane/route/route_table.h"
#include "dataplane/worker/worker.h"
#include "frame.h"
#include "tests/zones.h"

namespace heartgate::v1 {
class Policy;
}

namespace heartgate::dataplane::test {

// Linux, played by the test.
class FakeKernel final : public KernelPath {
public:
    ~FakeKernel() override;
    bool punt(unsigned worker, Zone zone, PuntQueue queue, Permit permit, rte_mbuf* packet) noexcept override;
    std::uint16_t take(unsigned worker, Zone zone, rte_mbuf** packets, std::uint16_t most) noexcept override;
    void resolve(unsigned worker, Zone zone, const IpAddress& address) noexcept override;

    bool full = false;
    std::vector<std::pair<Zone, rte_mbuf*>> punted;
    PuntQueue last_queue = PuntQueue::kOther;
    std::array<std::deque<rte_mbuf*>, kMostZones> sends;  // by zone
    std::vector<IpAddress> asked;
};

struct WorldOptions {
    std::uint16_t lan_vlan = 0;
    std::uint16_t mtu = 1500;
    std::uint32_t ipv4_flows = 1024;
    NatPortRange nat_ports{};
    bool wan_exists = true;
    MssClamp mss{};
    PuntRates punt_rates{};
    FlowQuota quota{};
    std::uint32_t new_flows_per_second = 0;
    std::vector<Untranslated> untranslated{};
    bool page = false;  // 192.0.2.1, port 8348
};

class World {
public:
    explicit World(const WorldOptions& options = {});
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // What came of the packets: "out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63", "punt lan ...",
    // "drop no-route", "held". Throws std::logic_error if the books do not balance.
    std::vector<std::string> receive(Zone zone, const std::vector<Bytes>& frames);  // by that zone's port
    std::vector<std::string> receive(Zone zone, rte_mbuf* packet);
    std::vector<std::string> linux_sends(Zone zone, const Bytes& frame);
    std::vector<std::string> loop();  // one turn of the worker

    rte_mbuf* packet_of(const Bytes& frame);
    static Bytes bytes_of(const rte_mbuf* packet);

    void set_state(std::uint32_t endpoint, const contract::EndpointState& state);
    void bind(std::uint32_t endpoint, const MacAddress& mac, const IpAddress& address);
    void load_policy(const v1::Policy& policy);

    std::uint16_t nat_port = 0;  // of the last packet that left with the WAN address
    std::vector<Bytes> sent;     // the frames that left in the last step, as they are
    bool words = true;           // false: nothing is put into words; hostile frames may have no sense
    std::uint32_t now_ms = 1'000'000;
    std::map<std::string, MacAddress> machines;
    [[nodiscard]] std::string machine(const MacAddress& mac) const;

    std::unique_ptr<Quiescence> quiescence;
    std::unique_ptr<EndpointTable> endpoints;
    std::unique_ptr<EndpointActivity> activity;
    std::unique_ptr<BindingTable> bindings;
    std::unique_ptr<RouteTable> routes;
    std::unique_ptr<Gate> gate;
    std::unique_ptr<FlowTable> flows;
    FragmentTracker fragments;
    std::unique_ptr<Observers> observers;
    std::unique_ptr<Worker> worker;
    FakeKernel kernel;
    std::vector<Route> route_list;

private:
    struct Books {
        std::uint64_t held = 0;
        std::array<std::uint64_t, contract::kDropReasons> drops{};
    };
    [[nodiscard]] Books books() const;
    std::vector<std::string> outcome(const Books& before);
    std::string described(const Bytes& frame);
    void check_books() const;

    ZoneTable zones_;
    std::vector<Untranslated> untranslated_;
};

inline constexpr std::uint32_t kPc = 1;
inline constexpr std::uint32_t kOther = 2;

rte_mempool* packet_pool();
[[nodiscard]] IpAddress ip(const std::string& text);

}  // namespace heartgate::dataplane::test
