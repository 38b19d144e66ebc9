// SPDX-License-Identifier: Apache-2.0
// See the header.
#include "dataplane/nat/nat_pool.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <rte_random.h>

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>

namespace heartgate::dataplane {

namespace {

constexpr std::uint32_t kMostHosts = 1U << 16U;  // with mappings at a time, where they are limited

bool same(const NatPool::Inside& a, const NatPool::Inside& b) noexcept {
    return a.address == b.address && a.port == b.port && a.protocol == b.protocol;
}

}  // namespace

NatPool::NatPool(std::uint32_t capacity, NatPortRange range, const KeyHash& hash, std::pmr::memory_resource* memory)
    : range_{range},
      hash_{hash},
      quota_{range.per_host, std::min(capacity, kMostHosts), hash, memory},
      pool_(capacity, memory),
      by_inside_{capacity, memory},
      by_outside_{capacity, memory},
      ports_(kMostAddresses * kProtocols, memory) {
    if (range.first == 0 || range.first > range.last) {
        throw std::invalid_argument("NAT port range " + std::to_string(range.first) + "-" + std::to_string(range.last) +
                                    " is empty: the first port must be at least 1 and not above the last");
    }
    for (std::uint32_t i = 0; i < capacity; ++i) pool_[i].next_free = i + 1 < capacity ? i + 1 : kNone;
    active_.reserve(kMostAddresses);
}

NatPool::Acquired NatPool::acquire(const Inside& inside) noexcept {
    std::uint32_t slot = find(inside);
    if (by_inside_[slot] != kNone) {
        const std::uint32_t known = by_inside_[slot];
        if (valid(known)) {
            ++pool_[known].references;
            return {.mapping = known, .shared = true};
        }
        // Of a lost WAN address: its flows are ending, and this host needs a new one.
        pool_[known].indexed = false;
        erase_inside(slot);
        slot = find(inside);
    }
    if (free_ == kNone || active_.empty()) return {};
    if (!quota_.take(inside.address)) return {.quota = true};
    const std::size_t preferred = hash({.address = inside.address, .port = 0, .protocol = 0}) % active_.size();
    for (std::size_t i = 0; i < active_.size(); ++i) {
        const std::uint8_t address = active_[(preferred + i) % active_.size()];
        const std::uint16_t port = take_port(ports(address, inside.protocol), inside);
        if (port == 0) continue;
        const std::uint32_t mapping = free_;
        free_ = pool_[mapping].next_free;
        pool_[mapping] = Mapping{.inside = inside, .port = port, .address = address, .indexed = true, .references = 1};
        by_inside_.put(slot, mapping);
        by_outside_.put(find(outside(mapping), inside.protocol), mapping);
        ++addresses_[address].mappings;
        ++used_;
        return {.mapping = mapping, .shared = false};
    }
    quota_.give(inside.address);
    return {};
}

bool NatPool::renumber(std::uint32_t mapping) noexcept {
    Mapping& changed = pool_[mapping];
    Ports& taken = ports(changed.address, changed.inside.protocol);
    const std::uint16_t port = take_port(taken, changed.inside);
    if (port == 0) return false;
    erase_outside(mapping);
    give_port(taken, changed.port);
    changed.port = port;
    by_outside_.put(find(outside(mapping), changed.inside.protocol), mapping);
    return true;
}

void NatPool::release(std::uint32_t mapping) noexcept {
    Mapping& released = pool_[mapping];
    if (--released.references > 0) return;
    if (released.indexed) erase_inside(find(released.inside));
    erase_outside(mapping);
    give_port(ports(released.address, released.inside.protocol), released.port);
    quota_.give(released.inside.address);
    --addresses_[released.address].mappings;
    --used_;
    released.next_free = free_;
    free_ = mapping;
}

NatPool::Outside NatPool::outside(std::uint32_t mapping) const noexcept {
    const Mapping& known = pool_[mapping];
    return {.address = addresses_[known.address].address, .port = htons(known.port)};
}

bool NatPool::valid(std::uint32_t mapping) const noexcept { return addresses_[pool_[mapping].address].active; }

bool NatPool::set_addresses(const std::vector<std::uint32_t>& addresses) {
    std::array<Address, kMostAddresses> next = addresses_;
    for (Address& known : next) known.active = false;
    for (const std::uint32_t wanted : addresses) {
        const auto known = [&](const Address& entry) {
            return entry.address == wanted && (entry.active || entry.mappings > 0);
        };
        auto place = std::find_if(next.begin(), next.end(), known);
        if (place == next.end()) {
            place = std::find_if(next.begin(), next.end(),
                                 [](const Address& entry) { return !entry.active && entry.mappings == 0; });
        }
        if (place == next.end()) return false;
        place->address = wanted;
        place->active = true;
    }
    addresses_ = next;
    active_.clear();
    for (std::size_t i = 0; i < kMostAddresses; ++i) {
        if (addresses_[i].active) active_.push_back(static_cast<std::uint8_t>(i));
    }
    return true;
}

// The flow keys' hash serves here, too: inside hosts are not trusted. No flow key has this port.
std::uint32_t NatPool::hash(const Inside& inside) const noexcept {
    FlowKey4 key;
    key.source = inside.address;
    key.source_port = inside.port;
    key.protocol = inside.protocol;
    key.port = 0xff;
    return hash_(key);
}

std::uint32_t NatPool::hash(const Outside& outside, std::uint8_t protocol) const noexcept {
    FlowKey4 key;
    key.destination = outside.address;
    key.destination_port = outside.port;
    key.protocol = protocol;
    key.port = 0xff;
    return hash_(key);
}

std::uint32_t NatPool::find(const Inside& inside) const noexcept {
    return by_inside_.find(hash(inside), [&](std::uint32_t mapping) { return same(pool_[mapping].inside, inside); });
}

std::uint32_t NatPool::find(const Outside& wanted, std::uint8_t protocol) const noexcept {
    return by_outside_.find(hash(wanted, protocol), [&](std::uint32_t mapping) {
        const Outside known = outside(mapping);
        return known.address == wanted.address && known.port == wanted.port &&
               pool_[mapping].inside.protocol == protocol;
    });
}

void NatPool::erase_inside(std::uint32_t slot) noexcept {
    by_inside_.erase(slot, [this](std::uint32_t mapping) { return hash(pool_[mapping].inside); });
}

void NatPool::erase_outside(std::uint32_t mapping) noexcept {
    by_outside_.erase(find(outside(mapping), pool_[mapping].inside.protocol),
                      [this](std::uint32_t other) { return hash(outside(other), pool_[other].inside.protocol); });
}

std::optional<NatPool::Inside> NatPool::inside(const Outside& outside, std::uint8_t protocol) const noexcept {
    const std::uint32_t mapping = by_outside_[find(outside, protocol)];
    if (mapping == kNone || !valid(mapping)) return std::nullopt;
    return pool_[mapping].inside;
}

void NatPool::reserve(const std::vector<Reserved>& ports) noexcept {
    for (auto& words : reserved_) words.fill(0);
    for (const Reserved& one : ports) {
        reserved_[kind(one.protocol)][one.port / 64U] |= std::uint64_t{1} << (one.port % 64U);
    }
}

std::size_t NatPool::kind(std::uint8_t protocol) noexcept {
    return protocol == IPPROTO_TCP ? 0 : protocol == IPPROTO_UDP ? 1 : 2;
}

NatPool::Ports& NatPool::ports(std::size_t address, std::uint8_t protocol) noexcept {
    return ports_[address * kProtocols + kind(protocol)];
}

std::uint16_t NatPool::take_port(Ports& ports, const Inside& inside) noexcept {
    constexpr std::uint64_t kEven = 0x5555'5555'5555'5555;
    const std::uint64_t same = ntohs(inside.port) % 2 == 0 ? kEven : ~kEven;
    const std::uint16_t port = take_port_of(ports, inside.protocol, same);
    return port != 0 ? port : take_port_of(ports, inside.protocol, ~same);
}

// `allowed`: bits of the ports of a word that may be taken.
std::uint16_t NatPool::take_port_of(Ports& ports, std::uint8_t protocol, std::uint64_t allowed) noexcept {
    const std::uint32_t size = std::uint32_t{range_.last} - range_.first + 1U;
    if (ports.used == size) return 0;
    const auto& reserved = reserved_[kind(protocol)];
    // From a random port upwards, then from the first one; one of the two finds a free port.
    auto from = static_cast<std::uint32_t>(range_.first + rte_rand_max(size));
    for (int pass = 0; pass < 2; ++pass, from = range_.first) {
        std::uint64_t skip = (std::uint64_t{1} << (from % 64)) - 1;
        for (std::uint32_t word = from / 64; word <= range_.last / 64U; ++word, skip = 0) {
            const std::uint64_t free = ~(ports.words[word] | reserved[word] | skip) & allowed;
            if (free == 0) continue;
            const std::uint32_t port = word * 64 + static_cast<std::uint32_t>(std::countr_zero(free));
            if (port > range_.last) break;
            ports.words[word] |= std::uint64_t{1} << (port % 64);
            ++ports.used;
            return static_cast<std::uint16_t>(port);
        }
    }
    return 0;
}

void NatPool::give_port(Ports& ports, std::uint16_t port) noexcept {
    ports.words[port / 64U] &= ~(std::uint64_t{1} << (port % 64U));
    --ports.used;
}

}  // namespace heartgate::dataplane
