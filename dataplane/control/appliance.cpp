// SPDX-License-Identifier: Apache-2.0
#include "dataplane/control/appliance.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <new>
#include <stdexcept>

#include "dataplane/concurrent/clock.h"
#include "dataplane/control/standalone_policy.h"
#include "dataplane/control/statistics.h"
#include "dataplane/port/signals.h"
#include "heartgate/v1/policy.pb.h"
#include "heartgate/v1/statistics.pb.h"

namespace heartgate::dataplane {
namespace {

constexpr unsigned kPoolCache = 256;  // mbufs per lcore
constexpr std::chrono::seconds kWatchEvery{1};

rte_mempool* make_pool(const Config& config) {
    const auto workers = static_cast<std::uint32_t>(config.workers.cores.size());
    // Both directions of all ports, what workers hold and cache, and the rings to and from Linux.
    std::uint32_t least = workers * (3 * kPoolCache + 512) + (config.kernel.enabled ? workers * 2048 : 0);
    for (const PortConfig& port : config.ports) least += workers * 2U * port.descriptors;
    if (config.dpdk.mbufs < least) {
        throw std::runtime_error{fmt::format(
            "dpdk.mbufs is {}, but {} workers and these ports.*.descriptors need {}; raise it to that, or have fewer "
            "descriptors",
            config.dpdk.mbufs, workers, least)};
    }
    std::uint16_t mtu = 0;
    for (const PortConfig& port : config.ports) mtu = std::max(mtu, port.mtu);
    const std::uint32_t whole_lines = (most_frame_bytes(mtu) + 63U) / 64U * 64U;
    const auto room = static_cast<std::uint16_t>(RTE_PKTMBUF_HEADROOM + std::max(2048U, whole_lines));
    rte_mempool* pool = rte_pktmbuf_pool_create("mbufs", config.dpdk.mbufs, kPoolCache, 0, room, SOCKET_ID_ANY);
    if (pool == nullptr) {
        throw std::runtime_error{
            fmt::format("{} mbufs do not fit into memory: {}; raise dpdk.memory_mb ({}) or lower dpdk.mbufs",
                        config.dpdk.mbufs, rte_strerror(rte_errno), config.dpdk.memory_mb)};
    }
    return pool;
}

std::unique_ptr<Tables> make_tables(const Config& config) {
    try {
        return std::make_unique<Tables>(config);
    } catch (const std::bad_alloc&) {
        throw std::runtime_error{
            fmt::format("the tables do not fit into memory; raise dpdk.memory_mb ({}), or lower flows.ipv4_capacity, "
                        "flows.ipv6_capacity or endpoints.capacity",
                        config.dpdk.memory_mb)};
    }
}

}  // namespace

Appliance::Appliance(const Config& config) : config_{config}, pool_{make_pool(config)}, tables_{make_tables(config)} {
    try {
        open_ports();
        kernel_ = std::make_unique<KernelSide>(config_, ports_, *tables_, pool_);
        add_workers();
        requests_ = std::make_unique<ControlRequests>(
            ControlRequestsDependencies{.memory = tables_->memory,
                                        .health = tables_->health,
                                        .endpoints = tables_->endpoints,
                                        .activity = tables_->activity,
                                        .flows = tables_->flows,
                                        .gate = tables_->gate,
                                        .quiescence = tables_->quiescence,
                                        .zones = tables_->zones,
                                        .observers = tables_->observers,
                                        .workers = tables_->workers,
                                        .flow_reader = tables_->flow_reader(),
                                        .statistics =
                                            [this](v1::Statistics& reply) {
                                                add_statistics(config_.ports, ports_, *workers_, reply);
                                                alarms_.fill(*reply.mutable_alarms());
                                            },
                                        .alarms = [this](v1::TakeAlarmsReply& reply) { alarms_.take(reply); }});
        load_standalone_policy();
        server_ = std::make_unique<ControlServer>(loop_, config_.control_socket, *requests_);
        workers_->launch();
        telemetry_ = std::make_unique<Telemetry>(*tables_, *workers_);
    } catch (...) {
        workers_.reset();
        close_ports();
        throw;
    }
}

Appliance::~Appliance() {
    telemetry_.reset();
    server_.reset();
    workers_.reset();
    kernel_.reset();
    close_ports();
}

void Appliance::open_ports() {
    const auto queues = static_cast<unsigned>(config_.workers.cores.size());
    for (const PortConfig& config : config_.ports) {
        const auto number = static_cast<std::uint8_t>(ports_.size());
        const std::optional<MacAddress> mac = interface_mac_of(number);
        ports_.push_back(open_port(config, number, queues, pool_, mac ? &*mac : nullptr));
        spdlog::info("port {} is {}, MAC address {}", config.name, config.device, to_text(ports_.back().mac));
    }
}

// All interfaces on a port have its MAC address.
std::optional<MacAddress> Appliance::interface_mac_of(std::uint8_t port) const {
    if (!config_.kernel.enabled) return std::nullopt;
    for (const ZoneConfig& zone : config_.zones) {
        if (zone.port != port) continue;
        if (const auto mac = interface_mac(zone.interface)) return mac;
    }
    return std::nullopt;
}

void Appliance::close_ports() noexcept {
    for (std::size_t port = 0; port < ports_.size(); ++port) close_port(config_.ports[port], ports_[port]);
}

void Appliance::add_workers() {
    WorkerDependencies dependencies{.flows = tables_->flows,
                                    .endpoints = tables_->endpoints,
                                    .activity = tables_->activity,
                                    .bindings = tables_->bindings,
                                    .gate = tables_->gate,
                                    .routes = tables_->routes,
                                    .fragments = tables_->fragments,
                                    .quiescence = tables_->quiescence,
                                    .kernel = kernel_->path(),
                                    .zones = tables_->zones,
                                    .ports = {},
                                    .pool = pool_,
                                    .health = &tables_->health,
                                    .observers = &tables_->observers,
                                    .translate = config_.translate,
                                    .untranslated = tables_->untranslated,
                                    .mss = config_.mss,
                                    .idle = config_.workers.idle,
                                    .punt_rates = config_.punt_rates,
                                    .new_flows_per_second = config_.new_flows_per_second};
    for (const Port& port : ports_) dependencies.ports.push_back({.port_id = port.id, .mac = port.mac});
    workers_ = std::make_unique<Workers>(config_.workers);
    for (std::size_t number = 0; number < config_.workers.cores.size(); ++number) {
        dependencies.doorbell = &tables_->memory.state().doorbells[number];
        workers_->add(dependencies);
    }
}

void Appliance::load_standalone_policy() {
    if (config_.standalone_policy.empty()) return;
    v1::Policy policy;
    read_policy(config_.standalone_policy, policy);
    const std::string error = requests_->load(policy);
    if (!error.empty()) throw std::runtime_error{fmt::format("{}: {}", config_.standalone_policy, error)};
    tables_->health.start_without_producer();
    spdlog::warn("standalone_policy: forwarding without heartgated; machines without heartbeat pass as it says");
}

// systemd restarts us if the control loop hangs or a worker does (WatchdogSec); without systemd both calls do nothing.
void Appliance::watch() {
    workers_->look();
    bool stalled = false;
    const std::uint64_t now_ms = monotonic_ns() / 1'000'000U;
    for (std::size_t worker = 0; worker < workers_->size(); ++worker) {
        alarms_.stalled(worker, workers_->core(worker), workers_->silent_s(worker));
        stalled = stalled || workers_->silent_s(worker) > 0;
        for (Alarm alarm; workers_->take_alarm(worker, alarm);) alarms_.add(alarm, tables_->zones, now_ms);
    }
    if (!stalled) sd_notify(0, "WATCHDOG=1");
}

void Appliance::run() {
    const sigset_t signals = end_signals();
    boost::asio::signal_set end{loop_, SIGTERM, SIGINT};
    end.async_wait([&](boost::system::error_code, int signal) {
        spdlog::info("ending on {}", signal == SIGTERM ? "SIGTERM" : "SIGINT");
        // A second one must not kill us half-way: timeout(1) sends two.
        pthread_sigmask(SIG_BLOCK, &signals, nullptr);
        loop_.stop();
    });
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);

    boost::asio::steady_timer timer{loop_};
    std::function<void()> again = [&] {
        timer.expires_after(kWatchEvery);
        timer.async_wait([&](boost::system::error_code error) {
            if (error) return;
            watch();
            const std::string warning = requests_->keep(monotonic_ns() / 1'000'000U);
            if (!warning.empty()) spdlog::error("{}", warning);
            again();
        });
    };
    again();
    spdlog::info("ready: control socket {}{}", config_.control_socket,
                 tables_->gate.ready() ? "" : ", transit waits for policy and endpoint states");
    sd_notify(0, "READY=1");
    loop_.run();
}

}  // namespace heartgate::dataplane
