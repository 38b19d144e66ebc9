// SPDX-License-Identifier: Apache-2.0
// Two hash tables for the readers, addresses and MACs, and beside them what only the writer knows: marks,
// and a list of the bindings of each endpoint. An address refers to its MAC by the MAC's position.
#include "dataplane/endpoint/binding_table.h"

#include <vector>

#include "dataplane/concurrent/rcu_hash.h"

namespace heartgate::dataplane {

namespace {

constexpr std::int32_t kAnyMac = -1;
constexpr std::uint32_t kEnd = 0xffffffffU;

struct MacKey {
    MacAddress mac;
    std::uint16_t zero = 0;
};

struct AddressValue {
    std::uint32_t endpoint;
    std::int32_t mac_position;

    [[nodiscard]] std::uint64_t pack() const noexcept {
        return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(mac_position)) << 32U) | endpoint;
    }
    [[nodiscard]] static AddressValue unpack(std::uint64_t value) noexcept {
        return {.endpoint = static_cast<std::uint32_t>(value),
                .mac_position = static_cast<std::int32_t>(static_cast<std::uint32_t>(value >> 32U))};
    }
};

// By position of the address. endpoint 0: nothing here.
struct Binding {
    IpAddress key{};
    AddressValue value{.endpoint = 0, .mac_position = kAnyMac};
    std::uint32_t incarnation = 0;
    std::uint32_t previous = kEnd;  // of the same endpoint
    std::uint32_t next = kEnd;
};
// By position of the MAC.
struct BoundMac {
    MacKey key{};
    std::uint32_t endpoint = 0;
    std::uint32_t addresses = 0;  // that refer to it; with the last one it goes
};

}  // namespace

struct BindingTable::Tables {
    RcuHash<IpAddress> addresses;
    RcuHash<MacKey> macs;
    std::vector<Binding> bindings;
    std::vector<BoundMac> bound_macs;
    std::vector<std::uint32_t> first;  // binding, by endpoint
    std::uint32_t cursor = 0;          // of sweep()
    std::uint32_t size = 0;

    Tables(std::uint32_t capacity, Quiescence& quiescence)
        : addresses{"bind_ip", kAddressesPerEndpoint * capacity, quiescence},
          macs{"bind_mac", kMacsPerEndpoint * capacity, quiescence},
          bindings(addresses.positions()),
          bound_macs(macs.positions()),
          first(capacity, kEnd) {}

    void link(std::uint32_t position) noexcept {
        Binding& binding = bindings[position];
        std::uint32_t& head = first[binding.value.endpoint];
        binding.previous = kEnd;
        binding.next = head;
        if (head != kEnd) bindings[head].previous = position;
        head = position;
    }
    void unlink(std::uint32_t position) noexcept {
        const Binding& binding = bindings[position];
        (binding.previous == kEnd ? first[binding.value.endpoint] : bindings[binding.previous].next) = binding.next;
        if (binding.next != kEnd) bindings[binding.next].previous = binding.previous;
    }
    void release_mac(std::int32_t position) noexcept {
        if (position == kAnyMac) return;
        BoundMac& mac = bound_macs[static_cast<std::size_t>(position)];
        if (--mac.addresses > 0) return;
        macs.erase(mac.key);
        mac.endpoint = 0;
    }
    void erase(std::uint32_t position) noexcept {
        unlink(position);
        Binding& binding = bindings[position];
        addresses.erase(binding.key);
        release_mac(binding.value.mac_position);
        binding.value = {.endpoint = 0, .mac_position = kAnyMac};
        --size;
    }
    // The MAC now belongs to another endpoint: addresses that were bound to it go with it.
    void erase_with_mac(std::uint32_t endpoint, std::int32_t mac_position) noexcept {
        for (std::uint32_t position = first[endpoint]; position != kEnd;) {
            const std::uint32_t next = bindings[position].next;
            if (bindings[position].value.mac_position == mac_position) erase(position);
            position = next;
        }
    }
};

BindingTable::BindingTable(std::uint32_t capacity, Quiescence& quiescence)
    : tables_{std::make_unique<Tables>(capacity, quiescence)} {}

BindingTable::~BindingTable() = default;

BindingTable::Source BindingTable::source(const MacAddress& mac, const IpAddress& address) const noexcept {
    using contract::DropReason;
    const auto by_address = tables_->addresses.find(address);
    const auto by_mac = tables_->macs.find({mac});
    const auto mac_endpoint = static_cast<std::uint32_t>(by_mac.value);
    if (!by_address) return {.endpoint = by_mac ? mac_endpoint : 0, .reason = DropReason::kNone};

    const AddressValue owner = AddressValue::unpack(by_address.value);
    const bool right_mac = owner.mac_position == kAnyMac ? !by_mac || mac_endpoint == owner.endpoint
                                                         : by_mac.position == owner.mac_position;
    return {.endpoint = owner.endpoint, .reason = right_mac ? DropReason::kNone : DropReason::kSpoofedAddress};
}

std::uint32_t BindingTable::destination(const IpAddress& address) const noexcept {
    const auto found = tables_->addresses.find(address);
    return found ? AddressValue::unpack(found.value).endpoint : 0;
}

std::uint32_t BindingTable::destination(const MacAddress& mac) const noexcept {
    const auto found = tables_->macs.find({mac});
    return found ? static_cast<std::uint32_t>(found.value) : 0;
}

BindingTable::Bound BindingTable::bind(std::uint32_t endpoint, const MacAddress& mac, const IpAddress& address,
                                       std::uint32_t incarnation) noexcept {
    Tables& tables = *tables_;
    if (endpoint == 0 || endpoint >= tables.first.size()) return {};
    Bound bound{.stored = true};

    const MacKey mac_key{mac};
    std::int32_t mac_position = kAnyMac;
    if (mac != MacAddress{}) {
        const auto known = tables.macs.find(mac_key);
        const auto owner = known ? static_cast<std::uint32_t>(known.value) : 0;
        if (owner != 0 && owner != endpoint) {
            bound.previous_of_mac = owner;
            // The MAC would go with its last address, and its slot come back only after a grace period.
            ++tables.bound_macs[static_cast<std::size_t>(known.position)].addresses;
            tables.erase_with_mac(owner, known.position);
            bound.changed = true;
        }
        mac_position = owner == endpoint ? known.position : tables.macs.put(mac_key, endpoint).position;
        if (mac_position < 0) return {.changed = bound.changed, .previous_of_mac = bound.previous_of_mac};
        if (owner != endpoint) {
            tables.bound_macs[static_cast<std::size_t>(mac_position)] = {mac_key, endpoint, 0};
            bound.changed = true;
        }
        ++tables.bound_macs[static_cast<std::size_t>(mac_position)].addresses;
    }

    const AddressValue value{.endpoint = endpoint, .mac_position = mac_position};
    const auto known = tables.addresses.find(address);
    if (known && known.value == value.pack()) {  // seen again
        tables.bindings[static_cast<std::size_t>(known.position)].incarnation = incarnation;
        tables.release_mac(mac_position);  // it was counted before
        return bound;
    }
    const auto stored = tables.addresses.put(address, value.pack());
    if (!stored) {
        tables.release_mac(mac_position);
        return {.changed = bound.changed, .previous_of_mac = bound.previous_of_mac};
    }
    const auto position = static_cast<std::uint32_t>(stored.position);
    Binding& binding = tables.bindings[position];
    if (known) {
        tables.unlink(position);
        if (binding.value.endpoint != endpoint) bound.previous = binding.value.endpoint;
        tables.release_mac(binding.value.mac_position);
    } else {
        ++tables.size;
    }
    binding = {.key = address, .value = value, .incarnation = incarnation};
    tables.link(position);
    bound.changed = true;
    return bound;
}

std::uint32_t BindingTable::unbind(const MacAddress& mac, const IpAddress& address) noexcept {
    Tables& tables = *tables_;
    const auto found = tables.addresses.find(address);
    if (!found) return 0;
    const AddressValue value = AddressValue::unpack(found.value);
    std::int32_t mac_position = kAnyMac;
    if (mac != MacAddress{}) {
        const auto bound = tables.macs.find({mac});
        if (!bound) return 0;
        mac_position = bound.position;
    }
    if (value.mac_position != mac_position) return 0;
    tables.erase(static_cast<std::uint32_t>(found.position));
    return value.endpoint;
}

void BindingTable::remove(std::uint32_t endpoint) noexcept {
    if (endpoint >= tables_->first.size()) return;
    while (tables_->first[endpoint] != kEnd) tables_->erase(tables_->first[endpoint]);
}

void BindingTable::begin_sweep() noexcept { tables_->cursor = 0; }

bool BindingTable::sweep(std::uint32_t incarnation, unsigned steps, EndpointTable& endpoints) noexcept {
    Tables& tables = *tables_;
    const auto end = static_cast<std::uint32_t>(tables.bindings.size());
    for (; steps > 0 && tables.cursor < end; --steps, ++tables.cursor) {
        const Binding& binding = tables.bindings[tables.cursor];
        const std::uint32_t endpoint = binding.value.endpoint;
        if (endpoint == 0 || binding.incarnation == incarnation) continue;
        tables.erase(tables.cursor);
        endpoints.touch(endpoint);
    }
    if (tables.cursor < end) return false;
    tables.cursor = 0;
    return true;
}

std::uint32_t BindingTable::size() const noexcept { return tables_->size; }

}  // namespace heartgate::dataplane
