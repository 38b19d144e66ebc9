// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/policy_keeper.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <utility>

#include "controlplane/common/text.h"
#include "controlplane/common/yaml_reader.h"
#include "controlplane/daemon/clock.h"

namespace heartgate::control {
namespace {

constexpr std::chrono::seconds kOfferAgain{5};
constexpr std::chrono::seconds kStorePatience{5};
constexpr std::size_t kMostRefusal = 1024;

}  // namespace

PolicyKeeper::PolicyKeeper(StoreWriter& store, EventLog& events, Load load,
                           std::function<void(const v1::Policy&)> in_force)
    : store_{store}, events_{events}, load_{std::move(load)}, on_in_force_{std::move(in_force)} {}

Expected<void> PolicyKeeper::start(const std::vector<StoredPolicy>& stored, const std::string& file, bool required) {
    for (const StoredPolicy& entry : stored) {
        auto parsed = parse_policy(entry.yaml, fmt::format("policy revision {} ({})", entry.revision, entry.file_name));
        if (!parsed && known_.empty()) return tl::unexpected(parsed.error());
        if (!parsed) continue;  // an earlier one, of another version of this program
        parsed->policy.set_revision(entry.revision);
        known_.push_back(std::make_shared<Revision>(Revision{std::move(parsed->policy), entry.yaml, entry.file_name}));
    }
    if (!known_.empty()) {
        put_in_force(known_.front());
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
    parsed->policy.set_revision(1);
    store_.write({StoredPolicy{1, *yaml, file, unix_now_ms()}});
    known_.push_back(std::make_shared<Revision>(Revision{std::move(parsed->policy), *yaml, file}));
    put_in_force(known_.front());
    return {};
}

void PolicyKeeper::fill(v1::StatusResponse& response) const {
    response.set_policy_revision(in_force_ ? in_force_->policy.revision() : 0);
    response.set_policy_wanted_revision(wanted());
    response.set_policy_refusal(refusal_);
}

Expected<v1::GetPolicyResponse> PolicyKeeper::describe() const {
    if (known_.empty()) {
        return error(ErrorKind::kNotFound,
                     "there is no policy, so that everything is dropped: `hgctl policy apply FILE`");
    }
    v1::GetPolicyResponse response;
    if (in_force_) {
        *response.mutable_policy() = in_force_->policy;
        response.set_yaml(in_force_->yaml);
    }
    response.set_wanted_revision(wanted());
    response.set_refusal(refusal_);
    if (!refusal_.empty()) response.set_wanted_yaml(known_.front()->yaml);
    return response;
}

void PolicyKeeper::apply(const v1::ApplyPolicyRequest& request, const Answer& answer) {
    const std::string file = clean_text(request.file_name().empty() ? "policy" : request.file_name(), 255);
    auto parsed = parse_policy(request.yaml(), file);
    if (!parsed) {
        answer(tl::unexpected(parsed.error()));
        return;
    }
    const auto applying = std::make_shared<Application>();
    for (const std::string& warning : parsed->warnings) applying->response.add_warnings(warning);
    applying->revision = std::make_shared<Revision>(Revision{std::move(parsed->policy), request.yaml(), file});
    applying->answer = answer;
    applications_.push_back(applying);
    proceed();
}

void PolicyKeeper::proceed() {
    if (applications_.empty() || offering_) return;
    const Applying applying = applications_.front();
    if (applying->step == Step::kQueued) build(applying);
    if (applying->step == Step::kWritten) load(applying);
}

void PolicyKeeper::build(const Applying& applying) {
    applying->step = Step::kBuilding;
    applying->revision->policy.set_revision(wanted() + 1);
    applying->response.set_revision(wanted() + 1);
    load_(applying->revision->policy, true, [this, applying](const Expected<void>& built) {
        if (!is_first(applying)) return;
        if (built || built.error().kind == ErrorKind::kUnavailable) {
            store(applying);
        } else {
            give_up({ErrorKind::kInvalidArgument, "the dataplane refuses the policy: " + built.error().message});
        }
    });
}

void PolicyKeeper::store(const Applying& applying) {
    const Revision& revision = *applying->revision;
    applying->step = Step::kWriting;
    applying->deadline = monotonic_now() + kStorePatience;
    store_.write({StoredPolicy{revision.policy.revision(), revision.yaml, revision.file, unix_now_ms()}},
                 [this, applying] {
                     if (!is_first(applying)) return;  // given up meanwhile
                     applying->step = Step::kWritten;
                     proceed();
                 });
}

void PolicyKeeper::load(const Applying& applying) {
    applying->step = Step::kLoading;
    load_(applying->revision->policy, false, [this, applying](const Expected<void>& loaded) {
        if (!is_first(applying)) return;
        if (loaded || loaded.error().kind == ErrorKind::kUnavailable) {
            accept(applying, loaded.has_value());
        } else {
            give_up({ErrorKind::kInvalidArgument, "the dataplane refuses the policy: " + loaded.error().message});
        }
    });
}

void PolicyKeeper::accept(const Applying& applying, bool applied) {
    const Revision& revision = *applying->revision;
    known_.insert(known_.begin(), applying->revision);
    if (known_.size() > kStoredPolicies) known_.pop_back();
    refusal_.clear();
    put_in_force(applying->revision);
    events_.add(v1::POLICY_APPLIED,
                fmt::format("policy revision {} ({}) is {}", revision.policy.revision(), revision.file,
                            applied ? "in force" : "stored, and in force as soon as a dataplane takes it"));
    applying->response.set_applied(applied);
    finish(applying->response);
}

void PolicyKeeper::give_up(Error why) {
    const Application& applying = *applications_.front();
    // Behind its own write, should that still come through.
    if (applying.step > Step::kBuilding) store_.write({RemovedPolicy{applying.revision->policy.revision()}});
    why.message += "; the running policy stays in force";
    finish(tl::unexpected(std::move(why)));
}

void PolicyKeeper::finish(Expected<v1::ApplyPolicyResponse> result) {
    const Applying applying = applications_.front();
    applications_.pop_front();
    applying->answer(std::move(result));
    proceed();
}

void PolicyKeeper::offer(const std::function<void()>& settled) { offer_from(0, settled); }

void PolicyKeeper::offer_from(std::size_t position, const std::function<void()>& settled) {
    offer_not_before_ = monotonic_now() + kOfferAgain;
    offering_ = position < known_.size();
    if (!offering_) {
        if (std::exchange(in_force_, nullptr)) spdlog::error("the dataplane takes no policy that is stored");
        settled();
        proceed();
        return;
    }
    load_(known_[position]->policy, false,
          [this, position, revision = known_[position], settled](const Expected<void>& loaded) {
              if (!loaded && loaded.error().kind != ErrorKind::kUnavailable) {
                  if (position == 0) refused(loaded.error().message);
                  offer_from(position + 1, settled);
                  return;
              }
              offering_ = false;
              if (loaded) taken(revision);
              settled();
              proceed();
          });
}

void PolicyKeeper::offer_again() {
    offer_not_before_ = monotonic_now() + kOfferAgain;
    offering_ = true;
    load_(known_.front()->policy, false, [this, revision = known_.front()](const Expected<void>& loaded) {
        offering_ = false;
        if (loaded) {
            taken(revision);
        } else if (loaded.error().kind != ErrorKind::kUnavailable) {
            refused(loaded.error().message);
        }
        proceed();
    });
}

void PolicyKeeper::taken(const Known& revision) {
    if (revision != in_force_) put_in_force(revision);
    if (revision != known_.front() || refusal_.empty()) return;
    refusal_.clear();
    events_.add(v1::POLICY_APPLIED, fmt::format("policy revision {} ({}) is in force: the dataplane takes it now",
                                                revision->policy.revision(), revision->file));
}

void PolicyKeeper::refused(const std::string& why) {
    if (std::exchange(refusal_, clean_text(why, kMostRefusal)) == refusal_) return;
    const std::string text = fmt::format(
        "the dataplane refuses policy revision {} ({}): {}; it is offered again every {} s, meanwhile an "
        "earlier one is in force, or none (`hgctl policy show`)",
        wanted(), known_.front()->file, refusal_, kOfferAgain.count());
    spdlog::error("{}", text);
    events_.add(v1::POLICY_REFUSED, text);
}

void PolicyKeeper::tick(Instant now, const std::string& trouble) {
    if (!applications_.empty()) {
        const Application& applying = *applications_.front();
        if (applying.step == Step::kWriting && (!trouble.empty() || now >= applying.deadline)) {
            give_up({ErrorKind::kUnavailable,
                     fmt::format("{}: the policy cannot be stored, apply it again when that is mended",
                                 trouble.empty() ? "the disk does not answer" : trouble)});
        }
    } else if (!refusal_.empty() && !offering_ && now >= offer_not_before_) {
        offer_again();
    }
}

void PolicyKeeper::stop() {
    offering_ = true;  // nothing begins any more
    while (!applications_.empty()) give_up({ErrorKind::kUnavailable, "heartgated is ending: apply the policy again"});
}

void PolicyKeeper::put_in_force(const Known& revision) {
    in_force_ = revision;
    spdlog::info("policy revision {} is in force: {} rules", revision->policy.revision(),
                 revision->policy.rules_size());
    on_in_force_(revision->policy);
}

}  // namespace heartgate::control
