// SPDX-License-Identifier: Apache-2.0
// A policy's way into force, and what happens when the dataplane or the disk does not take it.
#include <catch2/catch.hpp>

#include "tests/unit/daemon/daemon_world.h"

namespace {

using namespace heartgate;
using namespace heartgate::control;
using namespace heartgate::control::test;

constexpr const char* kDropAll = "rules: []\n";

using Applied = std::optional<Expected<v1::ApplyPolicyResponse>>;

void begin_applying(World& world, const std::string& yaml, Applied& answer) {
    v1::ApplyPolicyRequest request;
    request.set_file_name("new.yaml");
    request.set_yaml(yaml);
    answer.reset();
    world.daemon->apply_policy(request, [&](Expected<v1::ApplyPolicyResponse> result) { answer = std::move(result); });
}

Expected<v1::ApplyPolicyResponse> apply(World& world, const std::string& yaml) {
    Applied answer;
    begin_applying(world, yaml, answer);
    REQUIRE(world.until([&] { return answer.has_value(); }));
    return *answer;
}

v1::StatusResponse status(World& world) {
    v1::StatusResponse result;
    world.daemon->status({}, [&](const Expected<v1::StatusResponse>& answer) { result = *answer; });
    return result;
}

v1::GetPolicyResponse shown(World& world) {
    v1::GetPolicyResponse result;
    world.daemon->get_policy({}, [&](const Expected<v1::GetPolicyResponse>& answer) { result = *answer; });
    return result;
}

std::vector<v1::Event> events(World& world, v1::EventKind kind) {
    std::vector<v1::Event> result;
    world.daemon->list_events({}, [&](const Expected<v1::ListEventsResponse>& answer) {
        for (const v1::Event& event : answer->events()) {
            if (event.kind() == kind) result.push_back(event);
        }
    });
    return result;
}

std::function<bool(const v1::Policy&)> revision(std::uint64_t refused) {
    return [refused](const v1::Policy& policy) { return policy.revision() == refused; };
}

}  // namespace

TEST_CASE("a policy that the dataplane cannot build is refused with its reason, never stored, never in force") {
    World world;
    world.start_dataplane();
    world.dataplane->policy_refusal = "too many rules";
    const auto answer = apply(world, kDropAll);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().message.find("too many rules") != std::string::npos);
    CHECK(world.dataplane->checked_policies == 1);
    CHECK(world.dataplane->policies.size() == 1);
    CHECK(status(world).policy_revision() == 1);
    CHECK(status(world).policy_wanted_revision() == 1);
    world.restart([&] { world.dataplane.reset(); });
    CHECK(status(world).policy_revision() == 1);
}

TEST_CASE("a policy is stored before it is in force") {
    World world;
    world.start_dataplane();
    world.store->hold(true);
    Applied answer;
    begin_applying(world, kDropAll, answer);
    REQUIRE(world.until([&] { return world.dataplane->checked_policies == 1; }));
    CHECK(world.dataplane->policies.size() == 1);
    CHECK(status(world).policy_revision() == 1);
    world.store->hold(false);
    REQUIRE(world.until([&] { return answer.has_value(); }));
    REQUIRE(*answer);
    CHECK((*answer)->applied());
    CHECK(world.dataplane->policies.back().revision() == 2);
    CHECK(status(world).policy_revision() == 2);
}

TEST_CASE("a policy that the disk does not take is given up, also when the disk works again") {
    World world;
    world.start_dataplane();
    world.store->fill(true);
    Applied answer;
    begin_applying(world, kDropAll, answer);
    REQUIRE(world.until([&] { return answer.has_value(); }));
    REQUIRE_FALSE(*answer);
    CHECK(answer->error().message.find("the running policy stays in force") != std::string::npos);
    world.store->fill(false);
    // Applied after it, so that what was queued before has been written.
    REQUIRE(world.until([&] {
        const auto next = apply(world, "rules: []\nisolate_on: [yellow, red]\n");
        return next.has_value();
    }));
    CHECK(world.dataplane->policies.size() == 2);
    CHECK(status(world).policy_revision() == 2);
    world.restart();
    CHECK(shown(world).yaml() == "rules: []\nisolate_on: [yellow, red]\n");
}

TEST_CASE("a stored policy that the dataplane refuses gives way to the one before it, visibly, until it is taken") {
    World world;
    const auto stored = apply(world, kDropAll);
    REQUIRE(stored);
    CHECK_FALSE(stored->applied());
    CHECK(status(world).policy_revision() == 2);

    world.dataplane->policy_refusal = "no memory for the rules";
    world.dataplane->refuses = revision(2);
    world.start_dataplane();
    REQUIRE(world.dataplane->policies.size() == 1);
    CHECK(world.dataplane->policies[0].revision() == 1);
    CHECK(status(world).policy_revision() == 1);
    CHECK(status(world).policy_wanted_revision() == 2);
    CHECK(status(world).policy_refusal() == "no memory for the rules");
    CHECK(shown(world).policy().revision() == 1);
    CHECK(shown(world).wanted_revision() == 2);
    CHECK(shown(world).wanted_yaml() == kDropAll);
    CHECK(events(world, v1::POLICY_REFUSED).size() == 1);

    world.dataplane->policy_refusal.clear();
    REQUIRE(world.until([&] { return status(world).policy_revision() == 2; }));
    CHECK(status(world).policy_refusal().empty());
    CHECK(world.dataplane->policies.back().revision() == 2);
    CHECK(events(world, v1::POLICY_REFUSED).size() == 1);
}

TEST_CASE("a dataplane that takes no policy at all is said to have none") {
    World world;
    world.dataplane->policy_refusal = "no memory for the rules";
    world.start_dataplane();
    CHECK(status(world).policy_revision() == 0);
    CHECK(status(world).policy_wanted_revision() == 1);
    CHECK_FALSE(shown(world).has_policy());
    CHECK(shown(world).refusal() == "no memory for the rules");
}
