// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/policy_keeper.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <memory>

#include "controlplane/common/text.h"
#include "controlplane/common/yaml_reader.h"
#include "controlplane/daemon/clock.h"

namespace heartgate::control {

PolicyKeeper::PolicyKeeper(StoreWriter& store, EventLog& events, std::function<void(const v1::Policy&)> in_force)
    : store_{store}, events_{events}, in_force_{std::move(in_force)} {}

Expected<void> PolicyKeeper::start(const std::vector<StoredPolicy>& stored, const std::string& file, bool required) {
    if (!stored.empty()) {
        const StoredPolicy& last = stored.front();
        auto parsed = parse_policy(last.yaml, fmt::format("policy revision {} ({})", last.revision, last.file_name));
        if (!parsed) return tl::unexpected(parsed.error());
        last_revision_ = last.revision;
        parsed->policy.set_revision(last.revision);
        put_in_force(std::move(parsed->policy), last.yaml);
        return {};
    }
    std::error_code ignored;
    if (!required && !std::filesystem::exists(file, ignored)) {
        spdlog::warn("there is no policy, in the database or at {}: all transit is dropped until `hgctl policy apply`",
                     file);
        return {};
    }
    const auto yaml = from_yaml_file(file, [&](const YamlNode&) { return read_text_file(file); });
    if (!yaml) return tl::unexpected(yaml.error());
    auto parsed = parse_policy(*yaml, file);
    if (!parsed) return tl::unexpected(parsed.error());
    for (const std::string& warning : parsed->warnings) spdlog::warn("{}: {}", file, warning);
    parsed->policy.set_revision(++last_revision_);
    store_.write({StoredPolicy{last_revision_, *yaml, file, unix_now_ms()}});
    put_in_force(std::move(parsed->policy), *yaml);
    return {};
}

void PolicyKeeper::apply(const v1::ApplyPolicyRequest& request, DataplaneLink& dataplane,
                         const std::function<void(Expected<v1::ApplyPolicyResponse>)>& done) {
    const std::string file = clean_text(request.file_name().empty() ? "policy" : request.file_name(), 255);
    auto parsed = parse_policy(request.yaml(), file);
    if (!parsed) {
        done(tl::unexpected(parsed.error()));
        return;
    }
    parsed->policy.set_revision(++last_revision_);
    v1::ApplyPolicyResponse response;
    response.set_revision(last_revision_);
    for (const std::string& warning : parsed->warnings) response.add_warnings(warning);
    const auto policy = std::make_shared<v1::Policy>(std::move(parsed->policy));
    auto finish = [this, policy, response, file, yaml = request.yaml(), done](bool applied) mutable {
        response.set_applied(applied);
        if (policy->revision() > revision()) {
            put_in_force(*policy, yaml);
            events_.add(v1::POLICY_APPLIED,
                        fmt::format("policy revision {} ({}) is in force", policy->revision(), file));
        }
        store_.write({StoredPolicy{policy->revision(), yaml, file, unix_now_ms()}},
                     [done, response] { done(response); });
    };
    if (!dataplane.attached()) {
        finish(false);
        return;
    }
    dataplane.load_policy(*policy, [finish = std::move(finish), done](const Expected<void>& loaded) mutable {
        if (loaded) {
            finish(true);
        } else if (loaded.error().kind == ErrorKind::kUnavailable) {
            finish(false);  // it ended meanwhile and gets the policy when it comes back
        } else {
            done(error(ErrorKind::kInvalidArgument,
                       fmt::format("the dataplane refuses the policy, the running one stays in force: {}",
                                   loaded.error().message)));
        }
    });
}

void PolicyKeeper::put_in_force(v1::Policy policy, const std::string& yaml) {
    policy_ = std::move(policy);
    yaml_ = yaml;
    spdlog::info("policy revision {} is in force: {} rules", policy_->revision(), policy_->rules_size());
    in_force_(*policy_);
}

}  // namespace heartgate::control
