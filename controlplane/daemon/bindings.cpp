// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/bindings.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace heartgate::control {
namespace {

const v1::Interface* interface_with(const Bindings::Interfaces& interfaces, const IpAddress& address) {
    const std::string wire = address.wire();
    for (const v1::Interface& interface : interfaces) {
        const auto& list = interface.addresses();
        if (std::find(list.begin(), list.end(), wire) != list.end()) return &interface;
    }
    return nullptr;
}

// Its traffic is being dropped, or would be by any rule that asks for health.
bool held(const EndpointRecord& record) {
    const contract::Colour colour = record.health.colour();
    return record.stored.manual_isolation || record.target.isolated || record.sick() ||
           colour == contract::Colour::kYellow || colour == contract::Colour::kRed ||
           record.health.presence() == contract::Presence::kMissing;
}

// Which address makes room for one more with this MAC: the oldest whose MAC stays bound without it, since an unknown
// address on a bound MAC inherits its verdict.
IpAddress expendable(const std::vector<StoredBinding>& bindings, const std::string& mac) {
    const auto stays_bound = [&](const StoredBinding& candidate) {
        return candidate.mac == mac ||
               std::count_if(bindings.begin(), bindings.end(),
                             [&](const StoredBinding& binding) { return binding.mac == candidate.mac; }) > 1;
    };
    const auto found = std::find_if(bindings.begin(), bindings.end(), stays_bound);
    return (found == bindings.end() ? bindings.front() : *found).address;
}

std::string fingerprint(const IpAddress& peer, const Bindings::Interfaces& interfaces) {
    std::string result = peer.wire();
    for (const v1::Interface& interface : interfaces) result += interface.SerializeAsString();
    return result;
}

}  // namespace

Bindings::Bindings(HealthProducer& producer, Neighbours& neighbours, EventLog& events)
    : producer_{producer}, neighbours_{neighbours}, events_{events} {}

void Bindings::load(EndpointRecord& record) {
    for (const StoredBinding& binding : record.stored.bindings) {
        owners_[binding.address] = &record;
        if (binding.mac != kNoMac) macs_.emplace(binding.mac, &record);
        producer_.bind(record.stored.index, binding.mac, binding.address);
    }
}

std::vector<EndpointRecord*> Bindings::observe(EndpointRecord& record, const IpAddress& peer,
                                               const Interfaces& interfaces) {
    std::string observed = fingerprint(peer, interfaces);
    if (observed == record.observed) return {};
    const v1::Interface* interface = interface_with(interfaces, peer);
    if (interface == nullptr) {
        record.observed = std::move(observed);
        event(record, v1::BEHIND_NAT,
              fmt::format(
                  "{} sends its heartbeat from {}, which it does not have itself: a NAT router is in between; the "
                  "address is not bound and does not inherit its health",
                  record.stored.host, peer.text()));
        return {};
    }
    const auto place = neighbours_.place(peer);
    if (!place) return {};  // no dataplane yet: the next heartbeat asks again
    record.zone = place->zone;
    if (place->routed) {
        record.observed = std::move(observed);
        return observe_routed(record, peer, *interface);
    }
    if (place->by_router) {
        record.observed = std::move(observed);
        event(
            record, v1::BEHIND_NAT,
            fmt::format("{} at {} is reached by way of a router in zone {}, whose role is attached: the address is not "
                        "bound; behind a layer 3 switch the role is routed",
                        record.stored.host, peer.text(), place->zone));
        return {};
    }
    const auto mac = neighbours_.mac(peer);
    if (!mac) return {};  // the kernel does not know it: the next heartbeat asks again
    record.observed = std::move(observed);
    if (*mac != interface->mac()) {
        event(
            record, v1::BEHIND_NAT,
            fmt::format("{} at {} is reached through the MAC {}, its own is {}: a router is in between; the address is "
                        "not bound",
                        record.stored.host, peer.text(), mac_text(*mac), mac_text(interface->mac())));
        return {};
    }

    Changed changed;
    if (!claim(record, *mac, peer, changed)) return changed;
    record.alarm.clear();
    bind(record, *mac, peer, changed);
    for (const std::string& wire : interface->addresses()) {
        const auto address = IpAddress::from_wire(wire);
        if (!address || !address->is_routed_unicast() || owners_.contains(*address)) continue;
        if (record.stored.bindings.size() >= kMostPerEndpoint) break;
        if (neighbours_.own(*address)) continue;
        // The agent's word alone is not enough: the gateway must have seen the address with this MAC itself.
        const auto seen = neighbours_.mac(*address);
        if (seen == mac) bind(record, *mac, *address, changed);
        if (seen) continue;
        neighbours_.solicit(*address);
        record.observed.clear();  // the next heartbeat asks again
    }
    drop_stale(record, *mac, *interface, changed);
    return changed;
}

// The certificate proves this address alone; what else the agent lists, nobody has seen.
std::vector<EndpointRecord*> Bindings::observe_routed(EndpointRecord& record, const IpAddress& peer,
                                                      const v1::Interface& interface) {
    Changed changed;
    if (!claim(record, kNoMac, peer, changed)) return changed;
    record.alarm.clear();
    bind(record, kNoMac, peer, changed);
    drop_stale(record, kNoMac, interface, changed);
    return changed;
}

void Bindings::forget(EndpointRecord& record) {
    Changed ignored;
    for (const StoredBinding& binding : std::vector<StoredBinding>{record.stored.bindings}) {
        unbind(record, binding.address, ignored);
    }
}

EndpointRecord* Bindings::machine_at(const IpAddress& peer) const {
    const auto place = neighbours_.place(peer);
    if (place && place->routed) {
        const auto owner = owners_.find(peer);
        return owner == owners_.end() ? nullptr : owner->second;
    }
    const auto mac = neighbours_.mac(peer);
    const auto owner = mac ? macs_.find(*mac) : macs_.end();
    return owner == macs_.end() ? nullptr : owner->second;
}

bool Bindings::claim(EndpointRecord& record, const std::string& mac, const IpAddress& address, Changed& changed) {
    std::vector<EndpointRecord*> others;
    if (const auto owner = owners_.find(address); owner != owners_.end() && owner->second != &record) {
        others.push_back(owner->second);
    }
    const bool by_mac = mac != kNoMac;
    const auto [begin, end] = macs_.equal_range(mac);  // nobody has kNoMac
    for (auto entry = begin; entry != end; ++entry) {
        if (entry->second != &record) others.push_back(entry->second);
    }
    const auto refuse = [&](const EndpointRecord& other, const char* why) {
        std::string alarm =
            fmt::format("{} claims {} with the MAC {}, which belongs to {}, and that one is {}: not bound",
                        record.stored.host, address.text(), mac_text(mac), other.stored.host, why);
        if (alarm != record.alarm) event(record, v1::SPOOF, alarm);
        record.alarm = std::move(alarm);
        record.observed.clear();  // the next heartbeat asks again
        return false;
    };
    for (const EndpointRecord* other : others) {
        // A machine must not leave its verdict behind by enrolling anew: its MAC stays where it is, heard or not.
        const auto& theirs = other->stored.bindings;
        const bool has_mac = by_mac && std::any_of(theirs.begin(), theirs.end(),
                                                   [&](const StoredBinding& binding) { return binding.mac == mac; });
        if (has_mac && held(*other)) return refuse(*other, "cut off or not healthy");
        // Alive, and with this very address or MAC: where it last sent its heartbeat from.
        const bool in_use = std::any_of(theirs.begin(), theirs.end(), [&](const StoredBinding& binding) {
            return binding.address == other->peer && (binding.address == address || (by_mac && binding.mac == mac));
        });
        if (other->live() && in_use) return refuse(*other, "still connected");
    }
    for (EndpointRecord* other : others) {
        for (const StoredBinding& binding : std::vector<StoredBinding>{other->stored.bindings}) {
            if (binding.address == address || (by_mac && binding.mac == mac)) unbind(*other, binding.address, changed);
        }
    }
    return true;
}

void Bindings::bind(EndpointRecord& record, const std::string& mac, const IpAddress& address, Changed& changed) {
    auto& list = record.stored.bindings;
    const auto same = std::find_if(list.begin(), list.end(),
                                   [&](const StoredBinding& binding) { return binding.address == address; });
    if (same != list.end() && same->mac == mac) return;
    if (same != list.end()) unbind(record, address, changed);
    while (list.size() >= kMostPerEndpoint) unbind(record, expendable(list, mac), changed);
    record.stored.bindings.push_back({mac, address});
    owners_[address] = &record;
    if (mac != kNoMac) macs_.emplace(mac, &record);
    producer_.bind(record.stored.index, mac, address);
    changed.push_back(&record);
    spdlog::info("{} ({}): bound to {} at {}", record.stored.host, record.stored.id, address.text(), mac_text(mac));
}

void Bindings::unbind(EndpointRecord& record, const IpAddress& address, Changed& changed) {
    auto& list = record.stored.bindings;
    const auto entry = std::find_if(list.begin(), list.end(),
                                    [&](const StoredBinding& binding) { return binding.address == address; });
    if (entry == list.end()) return;
    producer_.unbind(record.stored.index, entry->mac, address);
    const auto [begin, end] = macs_.equal_range(entry->mac);
    for (auto owner = begin; owner != end; ++owner) {
        if (owner->second != &record) continue;
        macs_.erase(owner);
        break;
    }
    owners_.erase(address);
    list.erase(entry);
    changed.push_back(&record);
}

// What the endpoint no longer has. A machine that is cut off keeps what it had: it must not shed its addresses.
void Bindings::drop_stale(EndpointRecord& record, const std::string& mac, const v1::Interface& interface,
                          Changed& changed) {
    if (record.decision.cut_off() && record.health.presence() != contract::Presence::kNone) return;
    for (const StoredBinding& binding : std::vector<StoredBinding>{record.stored.bindings}) {
        const auto& list = interface.addresses();
        const bool kept =
            binding.mac == mac && std::find(list.begin(), list.end(), binding.address.wire()) != list.end();
        if (!kept) unbind(record, binding.address, changed);
    }
}

void Bindings::event(const EndpointRecord& record, v1::EventKind kind, std::string text) {
    spdlog::warn("{}", text);
    v1::Event event;
    event.set_kind(kind);
    event.set_endpoint_id(record.stored.id);
    event.set_host(record.stored.host);
    event.set_colour(record.stored.colour);
    event.set_presence(record.stored.presence);
    event.set_text(std::move(text));
    events_.add(std::move(event));
}

const EndpointRecord* Bindings::owner(const IpAddress& address) const {
    const auto found = owners_.find(address);
    return found == owners_.end() ? nullptr : found->second;
}

const EndpointRecord* Bindings::with_mac(const std::string& mac) const {
    const auto found = macs_.find(mac);
    return found == macs_.end() ? nullptr : found->second;
}

}  // namespace heartgate::control
