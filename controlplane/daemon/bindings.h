// SPDX-License-Identifier: Apache-2.0
// Which addresses belong to which endpoint, from what the gateway observes: the authenticated stream's own source
// address and the MAC that the kernel has for it (in a routed zone the address alone), then those of the agent's list
// of that very interface that the kernel has with the same MAC. An address that the gateway sees but the agent does not
// have is behind a NAT router: reported, not bound.
#pragma once

#include <google/protobuf/repeated_field.h>
#include <heartgate/v1/heartbeat.pb.h>

#include <map>
#include <string>

#include "controlplane/daemon/endpoint_record.h"
#include "controlplane/daemon/event_log.h"
#include "controlplane/daemon/health_producer.h"
#include "controlplane/daemon/neighbours.h"

namespace heartgate::control {

class Bindings {
public:
    static constexpr std::size_t kMostPerEndpoint = 16;
    using Interfaces = google::protobuf::RepeatedPtrField<v1::Interface>;

    Bindings(HealthProducer& producer, Neighbours& neighbours, EventLog& events);

    // As stored before; the dataplane gets it with the next sync.
    void load(EndpointRecord& record);

    // An accepted heartbeat from this address. Gives back the endpoints whose bindings have changed, to be stored: the
    // one that lost an address before the one that got it.
    [[nodiscard]] std::vector<EndpointRecord*> observe(EndpointRecord& record, const IpAddress& peer,
                                                       const Interfaces& interfaces);

    // Frees all that belongs to the endpoint.
    void forget(EndpointRecord& record);
    // Whose machine it is, by the MAC that the kernel has for the address; nullptr: nobody's, or not known.
    [[nodiscard]] EndpointRecord* machine_at(const IpAddress& peer) const;
    // Whose binding it is; nullptr: nobody's. `mac`: 6 bytes.
    [[nodiscard]] const EndpointRecord* owner(const IpAddress& address) const;
    [[nodiscard]] const EndpointRecord* with_mac(const std::string& mac) const;

private:
    [[nodiscard]] std::vector<EndpointRecord*> observe_routed(EndpointRecord& record, const IpAddress& peer,
                                                              const v1::Interface& interface);
    using Changed = std::vector<EndpointRecord*>;

    // False if the address or the MAC belongs to another endpoint that is alive with it, or the MAC to one that is cut
    // off or not healthy.
    bool claim(EndpointRecord& record, const std::string& mac, const IpAddress& address, Changed& changed);
    void bind(EndpointRecord& record, const std::string& mac, const IpAddress& address, Changed& changed);
    void unbind(EndpointRecord& record, const IpAddress& address, Changed& changed);
    void drop_stale(EndpointRecord& record, const std::string& mac, const v1::Interface& interface, Changed& changed);
    void event(const EndpointRecord& record, v1::EventKind kind, std::string text);

    HealthProducer& producer_;
    Neighbours& neighbours_;
    EventLog& events_;
    std::map<IpAddress, EndpointRecord*> owners_;
    std::multimap<std::string, EndpointRecord*> macs_;  // one entry per binding
};

}  // namespace heartgate::control
