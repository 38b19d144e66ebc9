// SPDX-License-Identifier: Apache-2.0
// hgctl stats
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

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

void print_ports(const Context& context, const v1::Statistics& statistics) {
    Table ports(
        {"PORT", "RX PACKETS", "RX BYTES", "TX PACKETS", "TX BYTES", "RX MISSED", "NO MBUF", "RX ERRORS", "TX ERRORS"});
    for (const v1::PortStatistics& port : statistics.ports())
        ports.add({port.name(), number(port.rx_packets()), number(port.rx_bytes()), number(port.tx_packets()),
                   number(port.tx_bytes()), number(port.rx_missed()), number(port.rx_no_mbuf()),
                   number(port.rx_errors()), number(port.tx_errors())});
    ports.print(context.out, context.colours);
}

std::string share_text(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? "-" : fmt::format("{:.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

// Packets, and how busy each worker is.
void print_workers(const Context& context, const v1::Statistics& statistics) {
    Table workers({"CPU", "RX", "FROM KERNEL", "GENERATED", "TX", "PUNTED", "DROPPED", "HELD", "BUSY NOW", "BUSY"});
    Table bursts({"CPU", "BURSTS OF 1", "2-3", "4-7", "8-15", "16-31", "32 PACKETS"});
    for (const v1::WorkerStatistics& worker : statistics.workers()) {
        workers.add({number(worker.lcore()), number(worker.rx_packets()), number(worker.from_kernel()),
                     number(worker.generated()), number(worker.tx_packets()), number(worker.punted()),
                     number(worker.dropped()), number(worker.held()), share_text(worker.busy_permille(), 1000),
                     share_text(worker.busy_cycles(), worker.total_cycles())});
        std::vector<Cell> row{number(worker.lcore())};
        for (int size = 0; size < 6; ++size)
            row.emplace_back(size < worker.bursts_size() ? number(worker.bursts(size)) : "-");
        bursts.add(std::move(row));
    }
    workers.print(context.out, context.colours);
    context.out << "\n";
    bursts.print(context.out, context.colours);
}

std::string latency_text(const v1::LatencyHistogram& latency) {
    const bool measured =
        std::any_of(latency.count().begin(), latency.count().end(), [](auto count) { return count > 0; });
    return measured ? fmt::format("p50 {} us, p99 {} us, maximum {} us", latency.p50_us(), latency.p99_us(),
                                  latency.maximum_us())
                    : "no change of health since the start";
}

// What came in is what went somewhere: of all workers.
void add_sums(Sheet& sheet, const v1::Statistics& statistics) {
    v1::WorkerStatistics sum;
    for (const v1::WorkerStatistics& worker : statistics.workers()) {
        sum.set_rx_packets(sum.rx_packets() + worker.rx_packets());
        sum.set_from_kernel(sum.from_kernel() + worker.from_kernel());
        sum.set_generated(sum.generated() + worker.generated());
        sum.set_tx_packets(sum.tx_packets() + worker.tx_packets());
        sum.set_punted(sum.punted() + worker.punted());
        sum.set_dropped(sum.dropped() + worker.dropped());
        sum.set_held(sum.held() + worker.held());
    }
    const std::uint64_t in = sum.rx_packets() + sum.from_kernel() + sum.generated();
    const std::uint64_t out = sum.tx_packets() + sum.punted() + sum.dropped() + sum.held();
    sheet.add("Packets in", fmt::format("{} = {} received + {} from the kernel + {} generated", in, sum.rx_packets(),
                                        sum.from_kernel(), sum.generated()));
    sheet.add("Packets out", fmt::format("{} = {} sent + {} punted + {} dropped + {} held", out, sum.tx_packets(),
                                         sum.punted(), sum.dropped(), sum.held()));
    if (in != out)
        sheet.add("In less out", fmt::format("{}: on their way while this was read",
                                             static_cast<std::int64_t>(in) - static_cast<std::int64_t>(out)));
}

void print_statistics(const Context& context, const v1::Statistics& statistics) {
    print_ports(context, statistics);
    context.out << "\n";
    print_workers(context, statistics);
    print_counters(context, "DROP REASON", statistics.drops());
    print_counters(context, "HEARTBEAT REFUSED FOR", statistics.heartbeats().refused());

    context.out << "\n";
    Sheet sheet;
    add_sums(sheet, statistics);
    for (const v1::WorkerStatistics& worker : statistics.workers()) {
        if (worker.silent_s() == 0) continue;
        sheet.add(fmt::format("Worker on CPU {}", worker.lcore()),
                  {fmt::format("has not gone round for {} s", worker.silent_s()), Style::kRed});
    }
    sheet.add("Flows", fmt::format("{} of {}", statistics.flow_table().flows(), statistics.flow_table().capacity()));
    sheet.add("Heartbeats", fmt::format("{} accepted, {} streams open", statistics.heartbeats().accepted(),
                                        statistics.heartbeats().streams()));
    const v1::AlarmStatistics& alarms = statistics.alarms();
    sheet.add("Alarms", fmt::format("{} raised, {} told (see `hgctl event list`), {} repeated, {} lost{}",
                                    alarms.raised(), alarms.told(), alarms.repeated(), alarms.lost(),
                                    alarms.untold() == 0 ? "" : fmt::format(", {} in the log alone", alarms.untold())));
    sheet.add("Heartbeat to ring", latency_text(statistics.queued_latency()));
    sheet.add("Heartbeat to applied", latency_text(statistics.isolation_latency()));
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
