// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_ethdev.h>

#include <stdexcept>

#include "dataplane/packet/address_text.h"
#include "dataplane/policy/compiled_policy.h"
#include "heartgate/v1/policy.pb.h"
#include "mbuf_guard.h"

namespace heartgate::dataplane::test {

namespace {

constexpr auto kAnySocket = static_cast<unsigned>(SOCKET_ID_ANY);  // as queues want it

constexpr std::array<std::uint16_t, 2> kBothPorts{0, 1};

constexpr std::uint16_t kPacketRoom = 9216 + 64 + RTE_PKTMBUF_HEADROOM;

// Once per program: EAL, and two ring ports; what is sent on one can be read from the same.
void start_eal() {
    static const bool started = [] {
        std::vector<std::string> words{"pipeline_test",    "--no-huge",       "-m", "256", "--no-pci",
                                       "--no-shconf",      "--no-telemetry",  "-l", "0",   "--log-level=error",
                                       "--vdev=net_ring0", "--vdev=net_ring1"};
        std::vector<char*> arguments;
        for (std::string& word : words) arguments.push_back(word.data());
        if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0) return false;
        for (std::uint16_t port = 0; port < 2; ++port) {
            const rte_eth_conf config{};
            if (rte_eth_dev_configure(port, 1, 1, &config) != 0 ||
                rte_eth_rx_queue_setup(port, 0, 64, kAnySocket, nullptr, packet_pool()) != 0 ||
                rte_eth_tx_queue_setup(port, 0, 64, kAnySocket, nullptr) != 0 || rte_eth_dev_start(port) != 0) {
                return false;
            }
        }
        return true;
    }();
    if (!started) throw std::runtime_error{"rte_eal_init failed; its messages are above"};
}

template <class Visit>
void drain(std::uint16_t port, Visit&& visit) {
    rte_mbuf* packets[64];
    for (;;) {
        const std::uint16_t count = rte_eth_rx_burst(port, 0, packets, 32);
        if (count == 0) return;
        for (std::uint16_t i = 0; i < count; ++i) {
            visit(packets[i]);
            rte_pktmbuf_free(packets[i]);
        }
    }
}

MacAddress mac_of(std::uint8_t last) { return {0x02, 0, 0, 0, 0, last}; }

}  // namespace

rte_mempool* packet_pool() {
    static rte_mempool* pool = rte_pktmbuf_pool_create("packets", 2047, 0, 0, kPacketRoom, SOCKET_ID_ANY);
    return pool;
}

IpAddress ip(const std::string& text) {
    const auto address = parse_ip(text);
    if (!address) throw std::invalid_argument{"not an address: " + text};
    return *address;
}

FakeKernel::~FakeKernel() {
    for (auto& [zone, packet] : punted) rte_pktmbuf_free(packet);
    for (auto& queue : sends) {
        for (rte_mbuf* packet : queue) rte_pktmbuf_free(packet);
    }
}

bool FakeKernel::punt(unsigned /*worker*/, Zone zone, PuntQueue queue, Permit /*permit*/, rte_mbuf* packet) noexcept {
    if (full) return false;
    last_queue = queue;
    punted.emplace_back(zone, packet);
    return true;
}

std::uint16_t FakeKernel::take(unsigned /*worker*/, Zone zone, rte_mbuf** packets, std::uint16_t most) noexcept {
    auto& queue = sends[zone.number()];
    std::uint16_t count = 0;
    for (; count < most && !queue.empty(); ++count) {
        packets[count] = queue.front();
        queue.pop_front();
    }
    return count;
}

void FakeKernel::resolve(unsigned /*worker*/, Zone /*zone*/, const IpAddress& address) noexcept {
    asked.push_back(address);
}

World::World(const WorldOptions& options) : zones_{zones(options.lan_vlan)}, untranslated_{options.untranslated} {
    start_eal();
    machines = {{"pc", mac_of(0x10)},
                {"other", mac_of(0x11)},
                {"guest", mac_of(0x66)},
                {"intruder", mac_of(0x99)},
                {"router", mac_of(0xfe)},
                {"server", mac_of(0x30)},
                {"switch", mac_of(0x40)},
                {"gateway-lan", mac_of(0x01)},
                {"gateway-wan", mac_of(0x02)},
                {"everybody", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
                {"group", {0x33, 0x33, 0, 0, 0, 1}},
                {"nobody", MacAddress{}}};
    quiescence = std::make_unique<Quiescence>(2);
    quiescence->online(0);
    endpoints = std::make_unique<EndpointTable>(16);
    activity = std::make_unique<EndpointActivity>(16);
    bindings = std::make_unique<BindingTable>(16, *quiescence);
    routes = std::make_unique<RouteTable>(64, *quiescence, 64);
    LocalInOptions local_in;
    local_in.heartbeat_addresses = {ip("192.0.2.1")};
    if (options.page) local_in.page = {.address = ip("192.0.2.1"), .port = 8348};
    gate = std::make_unique<Gate>(*endpoints, local_in);
    flows = std::make_unique<FlowTable>(FlowTableOptions{.ipv4_flows = options.ipv4_flows,
                                                         .ipv6_flows = 64,
                                                         .timeouts = {},
                                                         .quota = options.quota,
                                                         .nat_ports = options.nat_ports},
                                        *quiescence);
    flows->set_wan_addresses({ip("198.51.100.1").ipv4()});

    // replace_routes() waits for the workers; this one is at rest.
    quiescence->offline(0);
    for (const ZoneEntry& zone : zones_.all()) {
        routes->set_link(zone.zone, {.mac = machines[zone.port == 0 ? "gateway-lan" : "gateway-wan"],
                                     .mtu = options.mtu,
                                     .vlan = zone.vlan,
                                     .port = zone.port});
    }
    const auto add = [this](const char* network, unsigned bits, Zone zone, const char* gateway = nullptr) -> Route& {
        Route made;
        made.network = ip(network);
        made.prefix = static_cast<std::uint8_t>(bits);
        made.zone = zone;
        if (gateway != nullptr) made.gateway = ip(gateway);
        return route_list.emplace_back(made);
    };
    add("10.0.0.0", 24, test::kLanZone);
    add("2001:db8:1::", 64, test::kLanZone);
    add("198.51.100.0", 24, test::kWanZone);
    add("2001:db8:2::", 64, test::kWanZone);
    add("0.0.0.0", 0, test::kWanZone, "198.51.100.254");
    add("::", 0, test::kWanZone, "2001:db8:2::fe");
    add("10.0.0.1", 32, test::kLanZone).local = true;
    add("192.0.2.1", 32, test::kLanZone).local = true;
    add("2001:db8:1::1", 128, test::kLanZone).local = true;
    add("198.51.100.1", 32, test::kWanZone).local = true;
    add("2001:db8:2::1", 128, test::kWanZone).local = true;
    add("198.18.0.0", 15, test::kWanZone).blackhole = true;
    add("10.0.20.0", 24, kGuestsZone);
    add("10.0.20.1", 32, kGuestsZone).local = true;
    add("10.0.30.0", 24, kServersZone);
    add("10.0.30.1", 32, kServersZone).local = true;
    add("10.0.40.0", 24, kCampusZone);
    add("10.0.40.1", 32, kCampusZone).local = true;
    add("10.8.0.0", 16, kCampusZone, "10.0.40.2");
    routes->replace_routes(route_list);
    for (const auto& [address, name] : {std::pair{"10.0.0.10", "pc"},
                                        {"10.0.0.11", "other"},
                                        {"10.0.0.66", "guest"},
                                        {"2001:db8:1::10", "pc"},
                                        {"2001:db8:1::11", "other"},
                                        {"2001:db8:1::66", "guest"}}) {
        routes->set_neighbour({.address = ip(address), .zone = test::kLanZone, .mac = machines[name]});
    }
    routes->set_neighbour({.address = ip("10.0.20.66"), .zone = kGuestsZone, .mac = machines["guest"]});
    routes->set_neighbour({.address = ip("10.0.40.2"), .zone = kCampusZone, .mac = machines["switch"]});
    routes->set_neighbour({.address = ip("10.0.30.30"), .zone = kServersZone, .mac = machines["server"]});
    for (const char* router : {"198.51.100.254", "2001:db8:2::fe"}) {
        routes->set_neighbour({.address = ip(router), .zone = test::kWanZone, .mac = machines["router"]});
    }
    quiescence->online(0);

    bind(kPc, machines["pc"], ip("10.0.0.10"));
    bind(kPc, machines["pc"], ip("2001:db8:1::10"));
    bind(kOther, machines["other"], ip("10.0.0.11"));
    bind(kOther, machines["other"], ip("2001:db8:1::11"));
    const contract::EndpointState green{.colour = contract::Colour::kGreen, .presence = contract::Presence::kConnected};
    set_state(kPc, green);
    set_state(kOther, green);

    const auto queues = [&](std::uint16_t port, const char* name, bool exists) {
        PortQueues made;
        if (exists) made.port_id = port;
        made.mac = machines[name];
        return made;
    };
    observers = std::make_unique<Observers>(*quiescence);
    worker = std::make_unique<Worker>(
        0, WorkerDependencies{.flows = *flows,
                              .endpoints = *endpoints,
                              .activity = *activity,
                              .bindings = *bindings,
                              .gate = *gate,
                              .routes = *routes,
                              .fragments = fragments,
                              .quiescence = *quiescence,
                              .kernel = kernel,
                              .zones = zones_,
                              .ports = {queues(0, "gateway-lan", true), queues(1, "gateway-wan", options.wan_exists)},
                              .pool = packet_pool(),
                              .observers = observers.get(),
                              .untranslated = untranslated_,
                              .mss = options.mss,
                              .punt_rates = options.punt_rates,
                              .new_flows_per_second = options.new_flows_per_second});
}

World::~World() {
    worker.reset();
    for (const std::uint16_t port : kBothPorts) drain(port, [](rte_mbuf*) {});
}

void World::set_state(std::uint32_t endpoint, const contract::EndpointState& state) { endpoints->set(endpoint, state); }

void World::bind(std::uint32_t endpoint, const MacAddress& mac, const IpAddress& address) {
    const BindingTable::Bound bound = bindings->bind(endpoint, mac, address, 1);
    if (!bound.stored) throw std::logic_error{"binding not stored"};
    if (!bound.changed) return;
    for (const std::uint32_t touched : {endpoint, bound.previous, bound.previous_of_mac}) endpoints->touch(touched);
    endpoints->advance();
}

void World::load_policy(const v1::Policy& policy) {
    auto built = CompiledPolicy::build(policy, zones_);
    if (!built) throw std::logic_error{built.error()};
    std::vector<NatPool::Reserved> published;
    for (const PublishedService& service : (*built)->published().all()) {
        published.push_back({.protocol = service.protocol, .port = service.port});
    }
    flows->reserve_nat_ports(published);
    const CompiledPolicy* before = gate->swap(built->release());
    quiescence->quiescent(0);
    delete before;
}

std::string World::machine(const MacAddress& mac) const {
    for (const auto& [name, known] : machines) {
        if (known == mac) return name;
    }
    return to_text(mac);
}

rte_mbuf* World::packet_of(const Bytes& frame) {
    rte_mbuf* packet = rte_pktmbuf_alloc(packet_pool());
    if (packet == nullptr) throw std::runtime_error{"no mbuf left: something leaks"};
    auto* to = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size())));
    if (to == nullptr) throw std::runtime_error{"frame is larger than a buffer"};
    std::copy(frame.begin(), frame.end(), to);
    guard_tail(packet);
    return packet;
}

Bytes World::bytes_of(const rte_mbuf* packet) {
    Bytes bytes;
    for (const rte_mbuf* segment = packet; segment != nullptr; segment = segment->next) {
        const auto* data = rte_pktmbuf_mtod(segment, const std::uint8_t*);
        bytes.insert(bytes.end(), data, data + segment->data_len);
    }
    return bytes;
}

World::Books World::books() const {
    Books now;
    now.held = worker->counters().held.load();
    for (std::size_t i = 0; i < now.drops.size(); ++i) now.drops[i] = worker->counters().drops[i].load();
    return now;
}

// Every packet that came in went exactly one way.
void World::check_books() const {
    const WorkerCounters& counters = worker->counters();
    const std::uint64_t in = counters.rx.load() + counters.from_kernel.load() + counters.generated.load();
    const std::uint64_t out = counters.tx.load() + counters.punted.load() + counters.dropped() + counters.held.load();
    if (in != out) throw std::logic_error{fmt::format("{} packets came in, {} are accounted for", in, out)};
}

std::string World::described(const Bytes& frame) {
    const std::string wan = "198.51.100.1";
    const std::uint16_t port = source_port_of(frame, ip(wan));
    const bool published = port == 443 || port == 500;  // by the scripts' policy
    if (port != 0 && !published) nat_port = port;
    const auto name = [&](const std::string& address, std::uint16_t number) -> std::string {
        return address == wan && number == nat_port ? "nat" : "";
    };
    return describe(frame, name);
}

std::vector<std::string> World::outcome(const Books& before) {
    std::vector<std::string> lines;
    sent.clear();
    unguard_all(packet_pool());
    for (const std::uint16_t port : kBothPorts) {
        const MacAddress own = machines[port == 0 ? "gateway-lan" : "gateway-wan"];
        drain(port, [&](const rte_mbuf* packet) {
            const Bytes frame = bytes_of(packet);
            sent.push_back(frame);
            if (!words) return;
            std::string line = fmt::format("out {} {} {}", port == 0 ? "lan" : "wan", machine(frame_destination(frame)),
                                           described(frame));
            if (frame_source(frame) != own) line += " FROM " + machine(frame_source(frame));
            lines.push_back(line);
        });
    }
    for (auto& [zone, packet] : kernel.punted) {
        if (words) lines.push_back(fmt::format("punt {} {}", zones_.name(zone), described(bytes_of(packet))));
        rte_pktmbuf_free(packet);
    }
    kernel.punted.clear();
    const Books after = books();
    for (std::uint64_t i = before.held; i < after.held; ++i) lines.emplace_back("held");
    for (std::size_t reason = 0; reason < after.drops.size(); ++reason) {
        for (std::uint64_t i = before.drops[reason]; i < after.drops[reason]; ++i) {
            lines.push_back(fmt::format("drop {}", contract::kDropReasonNames[reason]));
        }
    }
    check_books();
    quiescence->quiescent(0);
    return lines;
}

std::vector<std::string> World::receive(Zone zone, const std::vector<Bytes>& frames) {
    const Books before = books();
    std::array<rte_mbuf*, 32> packets{};
    for (std::size_t i = 0; i < frames.size(); ++i) packets.at(i) = packet_of(frames[i]);
    worker->inject(zones_[zone].port, packets.data(), static_cast<std::uint16_t>(frames.size()), now_ms);
    return outcome(before);
}

std::vector<std::string> World::receive(Zone zone, rte_mbuf* packet) {
    const Books before = books();
    worker->inject(zones_[zone].port, &packet, 1, now_ms);
    return outcome(before);
}

std::vector<std::string> World::linux_sends(Zone zone, const Bytes& frame) {
    kernel.sends[zone.number()].push_back(packet_of(frame));
    return loop();
}

std::vector<std::string> World::loop() {
    const Books before = books();
    worker->iterate(now_ms);
    return outcome(before);
}

}  // namespace heartgate::dataplane::test
