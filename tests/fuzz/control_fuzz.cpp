// SPDX-License-Identifier: Apache-2.0
// The dataplane's control socket: frames, requests and policies of any contents.
#include <spdlog/spdlog.h>

#include "dataplane/channel/control_requests.h"
#include "dataplane/channel/health_consumer.h"
#include "dataplane/endpoint/activity.h"
#include "dataplane/flow/flow_table.h"
#include "heartgate/v1/dataplane.pb.h"
#include "heartgate/v1/policy.pb.h"
#include "heartgate/v1/statistics.pb.h"
#include "tests/fuzz/stream.h"
#include "tests/packet/verdict/eal.h"
#include "tests/zones.h"

using namespace heartgate::dataplane;
using heartgate::fuzz::Input;

namespace {

struct Dataplane {
    boost::asio::io_context loop;
    Quiescence quiescence{2};
    SharedMemory memory{64};
    EndpointTable endpoints{64};
    EndpointActivity activity{64};
    BindingTable bindings{64, quiescence};
    FlowTable flows{{.ipv4_flows = 64, .ipv6_flows = 64, .timeouts = {}, .nat_ports = {}}, quiescence};
    Gate gate{endpoints};
    const ZoneTable zones = test::zones();
    HealthConsumer health{memory, endpoints, bindings, gate, quiescence};
    Observers observers{quiescence};
    ControlRequests requests{{.memory = memory,
                              .health = health,
                              .endpoints = endpoints,
                              .activity = activity,
                              .flows = flows,
                              .gate = gate,
                              .quiescence = quiescence,
                              .zones = zones,
                              .observers = observers,
                              .workers = 1,
                              .flow_reader = 1,
                              .statistics = [](heartgate::v1::Statistics&) {},
                              .alarms = [](heartgate::v1::TakeAlarmsReply&) {}}};
    ControlServer server{loop, heartgate::fuzz::socket_path(), requests};
};

}  // namespace

// The first byte: 0 the bytes as they are, 1 as one frame, 2 as the policy of a request to load one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Dataplane& dataplane = [&]() -> Dataplane& {
        start_eal();
        spdlog::set_level(spdlog::level::off);
        static Dataplane made;
        return made;
    }();
    Input input{data, size};
    const unsigned how = input.byte() % 3U;
    if (how == 2) {
        heartgate::v1::Policy policy;
        if (policy.ParseFromString(input.text())) (void)dataplane.requests.load(policy);
        return 0;
    }
    heartgate::fuzz::talk(dataplane.loop, heartgate::fuzz::socket_path(),
                          how == 0 ? input.text() : heartgate::fuzz::framed(input.rest()));
    return 0;
}
