// SPDX-License-Identifier: Apache-2.0
// The policy in force and its revisions: validated whole, taken by the dataplane, stored, then acted upon. One that
// fails at any of these steps leaves the running one in force.
#pragma once

#include <heartgate/v1/policy.pb.h>

#include <functional>
#include <optional>
#include <string>

#include "controlplane/common/error.h"
#include "controlplane/daemon/dataplane_link.h"
#include "controlplane/daemon/event_log.h"
#include "controlplane/policy/policy_yaml.h"
#include "controlplane/store/store_writer.h"

namespace heartgate::control {

class PolicyKeeper {
public:
    // `in_force`: a policy has been put in force, also at start.
    PolicyKeeper(StoreWriter& store, EventLog& events, std::function<void(const v1::Policy&)> in_force);

    // At start: the stored one, else the file. Without either there is none, and everything is dropped; a file that
    // was named in the configuration (`required`) must be there and valid.
    [[nodiscard]] Expected<void> start(const std::vector<StoredPolicy>& stored, const std::string& file, bool required);

    [[nodiscard]] std::optional<v1::Policy> policy() const { return policy_; }
    [[nodiscard]] std::uint64_t revision() const { return policy_ ? policy_->revision() : 0; }
    [[nodiscard]] const std::string& yaml() const { return yaml_; }

    void apply(const v1::ApplyPolicyRequest& request, DataplaneLink& dataplane,
               const std::function<void(Expected<v1::ApplyPolicyResponse>)>& done);

private:
    void put_in_force(v1::Policy policy, const std::string& yaml);

    StoreWriter& store_;
    EventLog& events_;
    std::function<void(const v1::Policy&)> in_force_;
    std::optional<v1::Policy> policy_;
    std::string yaml_;
    std::uint64_t last_revision_ = 0;  // given out, also to one that is on its way
};

}  // namespace heartgate::control
