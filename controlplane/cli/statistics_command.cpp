// SPDX-License-Identifier: Apache-2.0
// hgctl stats
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/format.h"
#include "heartgate/v1/statistics.grpc.pb.h"

namespace heartgate::control::cli {
namespace {

std::string number(std::uint64_t value) { return fmt::format("{}", value); }

void print_counters(const Context& context, const std::string& header,
                    const google::protobuf::RepeatedPtrField<v1::Counter>& counters) {
    if (counters.empty()) return;
    Table table({header, "COUNT"});
    for (const v1::Counter& counter : counters) table.add({counter.name(), number(counter.value())});
    context.out << "\n";
    table.print(context.out, context.colours);
}

void print_statistics(const Context& context, const v1::Statistics& statistics) {
    Table ports({"PORT", "RX PACKETS", "RX BYTES", "TX PACKETS", "TX BYTES", "RX MISSED"});
    for (const v1::PortStatistics& port : statistics.ports())
        ports.add({port.name(), number(port.rx_packets()), number(port.rx_bytes()), number(port.tx_packets()),
                   number(port.tx_bytes()), number(port.rx_missed())});
    ports.print(context.out, context.colours);

    Table workers({"LCORE", "RX", "FROM KERNEL", "GENERATED", "TX", "PUNTED", "DROPPED", "HELD", "BUSY"});
    for (const v1::WorkerStatistics& worker : statistics.workers()) {
        const double busy = worker.total_cycles() == 0 ? 0
                                                       : 100.0 * static_cast<double>(worker.busy_cycles()) /
                                                             static_cast<double>(worker.total_cycles());
        workers.add({number(worker.lcore()), number(worker.rx_packets()), number(worker.from_kernel()),
                     number(worker.generated()), number(worker.tx_packets()), number(worker.punted()),
                     number(worker.dropped()), number(worker.held()), fmt::format("{:.1f} %", busy)});
    }
    context.out << "\n";
    workers.print(context.out, context.colours);
    print_counters(context, "DROP REASON", statistics.drops());
    print_counters(context, "HEARTBEAT REFUSED FOR", statistics.heartbeats().refused());

    context.out << "\n";
    Sheet sheet;
    sheet.add("Flows", fmt::format("{} of {}", statistics.flow_table().flows(), statistics.flow_table().capacity()));
    sheet.add("Heartbeats", fmt::format("{} accepted, {} streams open", statistics.heartbeats().accepted(),
                                        statistics.heartbeats().streams()));
    const v1::AlarmStatistics& alarms = statistics.alarms();
    sheet.add("Alarms", fmt::format("{} raised, {} told (see `hgctl event list`), {} repeated, {} lost{}",
                                    alarms.raised(), alarms.told(), alarms.repeated(), alarms.lost(),
                                    alarms.untold() == 0 ? "" : fmt::format(", {} in the log alone", alarms.untold())));
    const v1::LatencyHistogram& latency = statistics.isolation_latency();
    const bool measured =
        std::any_of(latency.count().begin(), latency.count().end(), [](auto count) { return count > 0; });
    sheet.add("Heartbeat to applied", measured ? fmt::format("p50 {} us, p99 {} us, maximum {} us", latency.p50_us(),
                                                             latency.p99_us(), latency.maximum_us())
                                               : "no change of health since the dataplane's start");
    sheet.add("Generation", number(statistics.generation()));
    sheet.print(context.out, context.colours);
}

}  // namespace

void add_statistics_command(CLI::App& app, Context& context) {
    CLI::App* stats = app.add_subcommand("stats", "counters of ports, workers, drops and heartbeats");
    stats->fallthrough()->footer("Example: hgctl stats --output json | jq .drops");
    stats->callback([&context] {
        context.command = [&context] {
            const auto stub = v1::StatisticsService::NewStub(context.channel());
            return call(context, "stats", &v1::StatisticsService::Stub::Get, *stub, v1::GetStatisticsRequest(),
                        [&](const v1::Statistics& reply) -> int {
                            if (!context.json) print_statistics(context, reply);
                            return kOk;
                        });
        };
    });
}

}  // namespace heartgate::control::cli
