// SPDX-License-Identifier: Apache-2.0
// Longest prefix match in two copies of an rte_rib per family: one is read, the other is filled and swapped in. A route
// names a gateway or none; (zone, gateway or destination) leads to a next hop by a hash table. rte_fib would answer
// faster, but takes 64 MB per copy, and routes are looked up on misses alone.
#include "dataplane/route/route_table.h"

#include <fmt/format.h>
#include <rte_byteorder.h>
#include <rte_rib.h>
#include <rte_rib6.h>

#include <algorithm>
#include <deque>
#include <map>
#include <new>
#include <tuple>
#include <utility>

#include "dataplane/concurrent/rcu_hash.h"
#include "dataplane/packet/address_text.h"
#include "dataplane/policy/network.h"

namespace heartgate::dataplane {

namespace {

struct NeighbourKey {
    IpAddress address;
    std::uint32_t zone;
};
NeighbourKey key_of(Zone zone, const IpAddress& address) { return {address, zone.raw()}; }

struct FreeRib {
    void operator()(rte_rib* rib) const noexcept { rte_rib_free(rib); }
    void operator()(rte_rib6* rib) const noexcept { rte_rib6_free(rib); }
};

// What the rib holds per prefix.
struct Target {
    RouteResult::Kind kind = RouteResult::Kind::kNone;  // kUnresolved stands for "towards a neighbour"
    Zone zone;
    std::uint32_t gateway = 0;  // index from 1; 0: on-link

    [[nodiscard]] std::uint64_t pack() const noexcept {
        return static_cast<std::uint64_t>(kind) | (static_cast<std::uint64_t>(zone.raw()) << 8U) |
               (static_cast<std::uint64_t>(gateway) << 32U);
    }
    [[nodiscard]] static Target unpack(std::uint64_t value) noexcept {
        return {.kind = static_cast<RouteResult::Kind>(value & 0xffU),
                .zone = Zone::from_raw(static_cast<std::uint8_t>(value >> 8U)),
                .gateway = static_cast<std::uint32_t>(value >> 32U)};
    }
};

using Prefix = std::pair<IpAddress, std::uint8_t>;

bool better(const Route& route, const Route& than) {
    return std::tuple{!route.local, route.metric} < std::tuple{!than.local, than.metric};
}

// One copy. Readers use find() while it is current; the writer fills it while it is not.
class Copy {
public:
    Copy(const void* owner, char letter, std::uint32_t routes) {
        const auto number = reinterpret_cast<std::uintptr_t>(owner) & 0xffffffffU;
        rte_rib_conf four{};
        four.max_nodes = static_cast<int>(2 * routes);  // each prefix may need a node where it branches off
        four_.reset(rte_rib_create(fmt::format("rib4{}_{:x}", letter, number).c_str(), SOCKET_ID_ANY, &four));
        rte_rib6_conf six{};
        six.max_nodes = static_cast<int>(2 * routes);
        six_.reset(rte_rib6_create(fmt::format("rib6{}_{:x}", letter, number).c_str(), SOCKET_ID_ANY, &six));
        if (!four_ || !six_) throw std::bad_alloc{};
    }

    [[nodiscard]] Target find(const IpAddress& destination) const noexcept {
        std::uint64_t value = 0;
        if (destination.is_ipv4()) {
            rte_rib_node* node = rte_rib_lookup(four_.get(), rte_be_to_cpu_32(destination.ipv4()));
            if (node == nullptr || rte_rib_get_nh(node, &value) != 0) return {};
        } else {
            rte_rib6_node* node = rte_rib6_lookup(six_.get(), destination.bytes.data());
            if (node == nullptr || rte_rib6_get_nh(node, &value) != 0) return {};
        }
        return Target::unpack(value);
    }
    [[nodiscard]] const IpAddress& gateway(std::uint32_t index) const noexcept { return gateways_[index - 1]; }

    bool fill(const std::map<Prefix, Route>& best) {
        clear();
        for (const auto& [prefix, route] : best) {
            Target target{.kind = RouteResult::Kind::kUnresolved, .zone = route.zone};
            if (route.local) target.kind = RouteResult::Kind::kLocal;
            if (route.blackhole) target.kind = RouteResult::Kind::kNone;
            if (route.gateway) {
                gateways_.push_back(*route.gateway);
                target.gateway = static_cast<std::uint32_t>(gateways_.size());
            }
            if (!insert(prefix, target.pack())) return false;
        }
        find_own(best);
        return true;
    }
    [[nodiscard]] const IpAddress& own(Zone zone, bool ipv6) const noexcept {
        return own_[zone.number()][ipv6 ? 1 : 0];
    }

private:
    bool insert(const Prefix& prefix, std::uint64_t value) {
        const auto& [network, bits] = prefix;
        if (network.is_ipv4()) {
            rte_rib_node* node = rte_rib_insert(four_.get(), rte_be_to_cpu_32(network.ipv4()), bits);
            if (node == nullptr) return false;
            rte_rib_set_nh(node, value);
        } else {
            rte_rib6_node* node = rte_rib6_insert(six_.get(), network.bytes.data(), bits);
            if (node == nullptr) return false;
            rte_rib6_set_nh(node, value);
        }
        inserted_.push_back(prefix);
        return true;
    }
    // An address inside an on-link network speaks for its zone; a heartbeat address is inside none.
    void find_own(const std::map<Prefix, Route>& best) {
        own_ = {};
        for (const auto& [prefix, route] : best) {
            if (!route.local || route.zone.is_appliance() || is_ipv6_link_local(route.network)) continue;
            const bool on_link = std::any_of(best.begin(), best.end(), [&route = route](const auto& other) {
                const Route& network = other.second;
                const bool host = network.prefix == (network.network.is_ipv4() ? 32 : 128);
                return !network.local && !network.blackhole && !network.gateway && network.prefix > 0 && !host &&
                       network.zone == route.zone && Network{network.network, network.prefix}.contains(route.network);
            });
            IpAddress& own = own_[route.zone.number()][route.network.is_ipv4() ? 0 : 1];
            if (on_link && own == IpAddress{}) own = route.network;
        }
    }
    void clear() {
        for (const auto& [network, bits] : inserted_) {
            if (network.is_ipv4()) {
                rte_rib_remove(four_.get(), rte_be_to_cpu_32(network.ipv4()), bits);
            } else {
                rte_rib6_remove(six_.get(), network.bytes.data(), bits);
            }
        }
        inserted_.clear();
        gateways_.clear();
    }

    std::unique_ptr<rte_rib, FreeRib> four_;
    std::unique_ptr<rte_rib6, FreeRib> six_;
    std::vector<Prefix> inserted_;
    std::vector<IpAddress> gateways_;
    std::array<std::array<IpAddress, 2>, kMostZones> own_{};  // by zone and family
};

}  // namespace

struct RouteTable::Tables {
    struct Known {
        MacAddress mac{};
        std::uint16_t next_hop = 0;
    };
    struct Retired {
        std::uint64_t token;
        std::uint16_t next_hop;
    };

    Quiescence& quiescence;
    std::array<Copy, 2> copies;
    std::atomic<const Copy*> current;  // writer: the control thread; readers: workers
    RcuHash<NeighbourKey> neighbours;
    // The writer's own.
    std::array<Link, kMostZones> links{};
    std::map<std::pair<Zone, IpAddress>, Known> known;
    std::vector<std::uint16_t> free;
    std::deque<Retired> retired;  // next hops that a worker may still be reading

    Tables(std::uint16_t most, Quiescence& qsbr, std::uint32_t routes)
        : quiescence{qsbr},
          copies{Copy{this, 'a', routes}, Copy{this, 'b', routes}},
          current{&copies[0]},
          neighbours{"neigh", most, qsbr} {
        free.reserve(most);
        for (std::uint16_t index = most; index > 0; --index) free.push_back(index);
    }

    Copy& spare() { return current.load(std::memory_order_relaxed) == &copies[0] ? copies[1] : copies[0]; }

    // 0: no room.
    std::uint16_t allocate() {
        if (free.empty() && !retired.empty()) quiescence.synchronize();
        while (!retired.empty() && quiescence.passed(retired.front().token)) {
            free.push_back(retired.front().next_hop);
            retired.pop_front();
        }
        if (free.empty()) return 0;
        const std::uint16_t index = free.back();
        free.pop_back();
        return index;
    }
    // After it cannot be found any more.
    void retire(std::uint16_t index) { retired.push_back({.token = quiescence.start(), .next_hop = index}); }
};

RouteTable::RouteTable(std::uint16_t neighbours, Quiescence& quiescence, std::uint32_t routes)
    : tables_{std::make_unique<Tables>(neighbours, quiescence, routes)},
      next_hops_{std::make_unique<NextHop[]>(std::size_t{neighbours} + 1)} {}

RouteTable::~RouteTable() = default;

RouteResult RouteTable::lookup(const IpAddress& destination) const noexcept {
    const Copy& copy = *tables_->current.load(std::memory_order_acquire);
    const Target target = copy.find(destination);
    RouteResult result{.kind = target.kind, .zone = target.zone, .next_hop = 0, .via = destination};
    if (target.kind != RouteResult::Kind::kUnresolved) return result;
    if (is_ipv6_link_local(destination)) {  // never routed
        result.kind = RouteResult::Kind::kNone;
        return result;
    }
    if (target.gateway != 0) result.via = copy.gateway(target.gateway);
    if (const auto found = tables_->neighbours.find(key_of(target.zone, result.via))) {
        result.kind = RouteResult::Kind::kForward;
        result.next_hop = static_cast<std::uint16_t>(found.value);
    }
    return result;
}

IpAddress RouteTable::own_address(Zone zone, bool ipv6) const noexcept {
    return tables_->current.load(std::memory_order_acquire)->own(zone, ipv6);
}

void RouteTable::set_link(Zone zone, const Link& link) {
    Link& known = tables_->links[zone.number()];
    if (known == link) return;
    known = link;
    // Next hops never change once they are published: each neighbour gets a new one.
    std::vector<Neighbour> again;
    for (const auto& [where, neighbour] : tables_->known) {
        if (where.first == zone) again.push_back({.address = where.second, .zone = zone, .mac = neighbour.mac});
    }
    for (const Neighbour& neighbour : again) {
        remove_neighbour(zone, neighbour.address);
        set_neighbour(neighbour);
    }
    changed();
}

bool RouteTable::replace_routes(const std::vector<Route>& routes) {
    std::map<Prefix, Route> best;
    for (const Route& route : routes) {
        const auto [at, added] =
            best.try_emplace({network_of({route.network, route.prefix}).address, route.prefix}, route);
        if (!added && better(route, at->second)) at->second = route;
    }
    Copy& spare = tables_->spare();
    if (!spare.fill(best)) return false;
    tables_->current.store(&spare, std::memory_order_release);
    changed();
    tables_->quiescence.synchronize();  // the other copy may be written from now on
    return true;
}

void RouteTable::changed() noexcept {
    epoch_.fetch_add(1, std::memory_order_release);
    changes_.fetch_add(1, std::memory_order_release);
}

bool RouteTable::set_neighbour(const Neighbour& neighbour) {
    Tables& tables = *tables_;
    const auto where = std::pair{neighbour.zone, neighbour.address};
    const auto known = tables.known.find(where);
    if (known != tables.known.end() && known->second.mac == neighbour.mac) return true;

    const std::uint16_t index = tables.allocate();
    if (index == 0) return false;
    const Link& link = tables.links[neighbour.zone.number()];
    next_hops_[index] = {.destination = neighbour.mac,
                         .source = link.mac,
                         .vlan = link.vlan,
                         .mtu = link.mtu,
                         .zone = neighbour.zone,
                         .port = link.port};
    if (!tables.neighbours.put(key_of(neighbour.zone, neighbour.address), index)) {
        tables.free.push_back(index);
        return false;
    }
    if (known != tables.known.end()) {
        changed();
        tables.retire(known->second.next_hop);
    } else {
        changes_.fetch_add(1, std::memory_order_release);
    }
    tables.known[where] = {.mac = neighbour.mac, .next_hop = index};
    return true;
}

void RouteTable::remove_neighbour(Zone zone, const IpAddress& address) {
    const auto known = tables_->known.find({zone, address});
    if (known == tables_->known.end()) return;
    tables_->neighbours.erase(key_of(zone, address));
    changed();
    tables_->retire(known->second.next_hop);
    tables_->known.erase(known);
}

}  // namespace heartgate::dataplane
