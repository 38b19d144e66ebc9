// SPDX-License-Identifier: Apache-2.0
// The policy in force and the one that is wanted. A new one is validated, built by the dataplane, stored, then put in
// force; one that fails at any of these steps leaves the running one in force. A stored one that the dataplane refuses
// when it attaches gives way to the one before it, is reported, and is offered again until it is taken.
#pragma once

#include <heartgate/v1/administration.pb.h>
#include <heartgate/v1/policy.pb.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/common/error.h"
#include "controlplane/daemon/event_log.h"
#include "controlplane/health/endpoint_health.h"
#include "controlplane/policy/policy_yaml.h"
#include "controlplane/store/store_writer.h"

namespace heartgate::control {

class PolicyKeeper {
public:
    // Offers a policy to the dataplane: kUnavailable without one, kFailedPrecondition with its reason if it refuses.
    using Load = std::function<void(const v1::Policy&, bool only_check, std::function<void(Expected<void>)> done)>;
    using Answer = std::function<void(Expected<v1::ApplyPolicyResponse>)>;

    // `in_force`: a policy has been put in force, also at start.
    PolicyKeeper(StoreWriter& store, EventLog& events, Load load, std::function<void(const v1::Policy&)> in_force);

    // At start: the stored ones, newest first, else the file. Without either there is none, and everything is dropped;
    // a file that was named in the configuration (`required`) must be there and valid.
    [[nodiscard]] Expected<void> start(const std::vector<StoredPolicy>& stored, const std::string& file, bool required);

    // Null: none is in force, everything is dropped.
    [[nodiscard]] const v1::Policy* policy() const { return in_force_ ? &in_force_->policy : nullptr; }
    void fill(v1::StatusResponse& response) const;
    // kNotFound if there is none at all.
    [[nodiscard]] Expected<v1::GetPolicyResponse> describe() const;

    void apply(const v1::ApplyPolicyRequest& request, const Answer& answer);

    // A dataplane has come: gives it the newest policy that it takes. `settled` runs once it is known which one is in
    // force.
    void offer(const std::function<void()>& settled);
    // Every now and then: offers a refused one again, gives up what the disk does not take. `trouble`: of the disk.
    void tick(Instant now, const std::string& trouble);
    // Answers what still waits.
    void stop();

private:
    struct Revision {
        v1::Policy policy;
        std::string yaml;
        std::string file;
    };
    using Known = std::shared_ptr<const Revision>;
    enum class Step { kQueued, kBuilding, kWriting, kWritten, kLoading };
    struct Application {
        std::shared_ptr<Revision> revision;
        v1::ApplyPolicyResponse response;
        Answer answer;
        Step step = Step::kQueued;
        Instant deadline{};  // for the disk
    };
    using Applying = std::shared_ptr<Application>;

    // The next step of the first application, unless it waits for somebody.
    void proceed();
    void build(const Applying& applying);
    void store(const Applying& applying);
    void load(const Applying& applying);
    void accept(const Applying& applying, bool applied);
    void give_up(Error why);
    void finish(Expected<v1::ApplyPolicyResponse> result);
    [[nodiscard]] bool is_first(const Applying& applying) const {
        return !applications_.empty() && applications_.front() == applying;
    }

    void offer_from(std::size_t position, const std::function<void()>& settled);
    void offer_again();
    void taken(const Known& revision);
    void refused(const std::string& why);
    void put_in_force(const Known& revision);
    [[nodiscard]] std::uint64_t wanted() const { return known_.empty() ? 0 : known_.front()->policy.revision(); }

    StoreWriter& store_;
    EventLog& events_;
    Load load_;
    std::function<void(const v1::Policy&)> on_in_force_;
    std::vector<Known> known_;  // stored, newest first; the first one is wanted
    Known in_force_;
    std::string refusal_;                // of the wanted one
    std::deque<Applying> applications_;  // one at a time, in order
    bool offering_ = false;
    Instant offer_not_before_{};
};

}  // namespace heartgate::control
