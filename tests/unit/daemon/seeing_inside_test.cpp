// SPDX-License-Identifier: Apache-2.0
// What administrators see of the dataplane through heartgated: flows, alarms, dropped packets, captures.
#include <catch2/catch.hpp>

#include "controlplane/daemon/grpc_status.h"
#include "tests/unit/daemon/office.h"

using namespace heartgate;
using namespace heartgate::control;
using namespace heartgate::control::test;

TEST_CASE("flows carry the name of their rule") {
    Office office;
    std::optional<v1::ListFlowsResponse> flows;
    office.daemon->list_flows({}, [&](const Expected<v1::ListFlowsResponse>& answer) { flows = *answer; });
    REQUIRE(office.until([&] { return flows.has_value(); }));
    REQUIRE(flows->flows_size() == 2);
    CHECK(flows->flows(0).rule_name() == "internet");
    CHECK(flows->flows(1).rule_name().empty());
}

TEST_CASE("an alarm of the dataplane is an event, once") {
    Office office;
    v1::Alarm& alarm = *office.dataplane->alarms.add_alarms();
    alarm.set_kind(v1::WORKER_STALLED);
    alarm.set_text("worker 0 on CPU 1 has not gone round for 1 s");
    std::vector<v1::Event> seen;
    office.daemon->follow_events(0, [&](const v1::Event& event) { seen.push_back(event); });
    REQUIRE(office.until([&] { return !seen.empty(); }));
    CHECK(seen[0].kind() == v1::WORKER_STALLED);
    CHECK(seen[0].text() == "worker 0 on CPU 1 has not gone round for 1 s");
    CHECK(seen[0].endpoint_id().empty());
    CHECK(seen.size() == 1);
}

TEST_CASE("a drop watch gives packets as they come, and ends with its caller") {
    Office office;
    std::vector<v1::DroppedPacket> seen;
    v1::WatchDropsRequest request;
    request.add_reasons("rule-drop");
    v1::TakeObservationReply& one = office.dataplane->observed.emplace_back();
    one.add_packets()->set_reason("rule-drop");
    one.set_count(1);
    office.dataplane->observed.push_back(one);
    const auto stop = office.daemon->watch_drops(
        request, {.message = [&](const v1::DroppedPacket& packet) { seen.push_back(packet); },
                  .end = [](const Expected<void>&) { FAIL("nobody has ended it"); },
                  .waiting = [] { return std::size_t{0}; }});
    REQUIRE(office.until([&] { return seen.size() == 2; }));
    CHECK(seen[0].reason() == "rule-drop");
    CHECK(office.dataplane->observation.reasons(0) == "rule-drop");
    CHECK(office.dataplane->observation.per_second() == 100);
    CHECK_FALSE(office.dataplane->observation.pcapng());
    CHECK(office.dataplane->stopped_observation == 0);
    stop();
    REQUIRE(office.until([&] { return office.dataplane->stopped_observation == 7; }));
}

TEST_CASE("a capture ends after its packets, one that is refused says why") {
    Office office;
    v1::CaptureRequest request;
    request.set_count(5);
    for (const std::uint32_t count : {3U, 2U}) {
        v1::TakeObservationReply& piece = office.dataplane->observed.emplace_back();
        piece.set_pcapng(std::string(count, 'x'));
        piece.set_count(count);
    }
    std::string file;
    std::optional<Expected<void>> end;
    const auto capture = [&] {
        end.reset();
        return office.daemon->capture(request,
                                      {.message = [&](const v1::CapturedPackets& piece) { file += piece.pcapng(); },
                                       .end = [&](const Expected<void>& result) { end = result; },
                                       .waiting = [] { return std::size_t{0}; }});
    };
    (void)capture();
    REQUIRE(office.until([&] { return end.has_value(); }));
    CHECK(end->has_value());
    CHECK(file == "xxxxx");
    CHECK(office.dataplane->most_taken == 2);  // no more than were still wanted
    CHECK(office.dataplane->observation.pcapng());
    REQUIRE(office.until([&] { return office.dataplane->stopped_observation == 7; }));

    request.add_reasons("bad-luck");
    (void)capture();
    REQUIRE(office.until([&] { return end.has_value(); }));
    CHECK(end->error().message == "drop reason 'bad-luck'");
}

TEST_CASE("a capture ends after its time, with what is there by then") {
    Office office;
    v1::CaptureRequest request;
    request.set_seconds(1);
    const Instant begun = std::chrono::steady_clock::now();
    bool ended = false;
    const auto stop =
        office.daemon->capture(request, {.message = [](const v1::CapturedPackets&) {},
                                         .end = [&](const Expected<void>& result) { ended = result.has_value(); },
                                         .waiting = [] { return std::size_t{0}; }});
    REQUIRE(office.until([&] { return ended; }));
    CHECK(std::chrono::steady_clock::now() - begun >= std::chrono::seconds{1});
}

TEST_CASE("the dataplane filters flows by numbers in place of names") {
    Office office;
    std::optional<Expected<v1::ListFlowsResponse>> flows;
    const auto ask = [&](const v1::FlowFilter& filter) {
        v1::ListFlowsRequest request;
        *request.mutable_filter() = filter;
        flows.reset();
        office.daemon->list_flows(request, [&](const Expected<v1::ListFlowsResponse>& answer) { flows = answer; });
        REQUIRE(office.until([&] { return flows.has_value(); }));
        return *flows;
    };
    v1::FlowFilter filter;
    filter.set_endpoint("adserver");
    filter.set_rule("internet");
    filter.set_endpoint_index(99);  // not the asker's to say
    REQUIRE(ask(filter));
    CHECK(office.dataplane->flow_filter.endpoint_index() == 1);
    CHECK(office.dataplane->flow_filter.rule_id() == 1);
    filter.set_rule("0");
    REQUIRE(ask(filter));
    CHECK(office.dataplane->flow_filter.has_rule_id());
    CHECK(office.dataplane->flow_filter.rule_id() == 0);

    filter.set_rule("intranet");
    CHECK(ask(filter).error().message.find("'intranet'") != std::string::npos);
    filter.set_rule("2");
    CHECK(ask(filter).error().kind == ErrorKind::kInvalidArgument);
    filter.clear_rule();
    filter.set_endpoint("nobody");
    CHECK(ask(filter).error().kind == ErrorKind::kNotFound);
    filter.clear_endpoint();
    filter.set_source("10.0.0.1/24");
    CHECK(ask(filter).error().kind == ErrorKind::kInvalidArgument);
}

TEST_CASE("one flow is found by its id, with the names of its machines; one that has ended is not") {
    Office office;
    std::optional<Expected<v1::Flow>> flow;
    const auto ask = [&](const std::string& id) {
        v1::GetFlowRequest request;
        request.set_id(id);
        flow.reset();
        office.daemon->get_flow(request, [&](const Expected<v1::Flow>& answer) { flow = answer; });
        REQUIRE(office.until([&] { return flow.has_value(); }));
        return *flow;
    };
    REQUIRE(ask("1"));
    CHECK(flow->value().source_host() == "adserver");
    CHECK(ask("2").error().kind == ErrorKind::kNotFound);
    CHECK(ask("x").error().kind == ErrorKind::kInvalidArgument);
}
