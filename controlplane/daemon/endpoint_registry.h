// SPDX-License-Identifier: Apache-2.0
// All endpoints, and what a change of one sets off: the ring, the database, events, directives, in the right order.
// Isolating: ring first, then the database. Releasing: database first.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "controlplane/common/error.h"
#include "controlplane/daemon/endpoint_record.h"
#include "controlplane/daemon/event_log.h"
#include "controlplane/daemon/health_producer.h"
#include "controlplane/store/store_writer.h"

namespace heartgate::control {

class EndpointRegistry {
public:
    // `changed`: what its user or others are told may have changed; called after ring and database.
    EndpointRegistry(HealthProducer& producer, StoreWriter& store, EventLog& events,
                     std::function<void(EndpointRecord&)> changed);

    // As stored before; the dataplane gets it with the next sync.
    void load(std::vector<StoredEndpoint> endpoints);
    // A new endpoint; `also` goes into the same transaction, `done` runs when it is on disk and announced.
    EndpointRecord& add(StoredEndpoint endpoint, std::vector<StoreChange> also, std::function<void()> done);
    [[nodiscard]] std::uint32_t next_index() const;

    void set_rules(WanRules rules);
    [[nodiscard]] const WanRules& rules() const { return rules_; }

    [[nodiscard]] EndpointRecord* find_id(const std::string& id);
    // UUID or host name. kNotFound; kFailedPrecondition if several have this name.
    [[nodiscard]] Expected<EndpointRecord*> find(const std::string& id_or_host);
    [[nodiscard]] const std::map<std::uint32_t, std::unique_ptr<EndpointRecord>>& by_index() const { return records_; }

    // After anything that the endpoint's state follows from has changed. `received_ns`: when the causing heartbeat was
    // read, 0: none. Writes and reports only what is different. `done` runs once the state is published and on disk.
    void apply(EndpointRecord& record, std::uint64_t received_ns, std::function<void()> done = {});
    // Something else that is stored has changed.
    void save(const EndpointRecord& record, StoreWriter::Done done = {});

    // `done` runs once it is on disk; it is in the ring before.
    void isolate(EndpointRecord& record, const std::string& reason, std::function<void()> done);
    void release(EndpointRecord& record, std::function<void()> done);

    // Takes it out of everything at once; what the dataplane holds of it goes when `done` runs, once it is on disk.
    // The record itself stays in memory, since answers may still be on their way to it.
    void remove(EndpointRecord& record, const std::string& text, std::function<void()> done);

    void traffic(std::uint32_t index, Instant seen);
    // The conclusions of silence, for all. See EndpointHealth::tick.
    void tick(Instant now, std::optional<Instant> hearing_since);
    // At the end: the last heartbeat orders, which are otherwise written with transitions only.
    void save_all();

private:
    [[nodiscard]] contract::EndpointState target_of(const EndpointRecord& record) const;
    void publish(EndpointRecord& record, std::uint64_t received_ns);
    void report(EndpointRecord& record, const contract::EndpointState& before);

    HealthProducer& producer_;
    StoreWriter& store_;
    EventLog& events_;
    std::function<void(EndpointRecord&)> changed_;
    WanRules rules_;
    std::map<std::uint32_t, std::unique_ptr<EndpointRecord>> records_;  // by index
    std::unordered_map<std::string, EndpointRecord*> by_id_;
    std::vector<std::unique_ptr<EndpointRecord>> removed_;
};

}  // namespace heartgate::control
