// SPDX-License-Identifier: Apache-2.0
// What the listener checks of messages from endpoints, and what is left of their text.
#include "controlplane/common/text.h"
#include "controlplane/listener/heartbeat_check.h"
#include "heartgate/v1/enrolment.pb.h"
#include "heartgate/v1/heartbeat.pb.h"
#include "tests/fuzz/input.h"

using namespace heartgate;
using namespace heartgate::control;
using heartgate::fuzz::Input;
using heartgate::fuzz::require;

namespace {

template <class Message>
void check(const std::string& bytes, std::optional<listener::Problem> (*rules)(const Message&)) {
    Message message;
    if (!message.ParseFromString(bytes)) return;
    const std::optional<listener::Problem> problem = rules(message);
    if (!problem) return;
    require(!problem->cause.empty() && !problem->message.empty(), "a refusal says why");
    require(clean_text(problem->cause, 1000) == problem->cause, "the cause is clean");
    require(clean_text(problem->message, 10'000) == problem->message, "the message is clean");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{data, size};
    const unsigned what = input.byte() % 3U;
    const std::string bytes = input.text();
    if (what == 0) check<v1::Heartbeat>(bytes, listener::check_heartbeat);
    if (what == 1) check<v1::EnrolRequest>(bytes, listener::check_enrol);
    if (what == 2) check<v1::RenewRequest>(bytes, listener::check_renew);
    return 0;
}
