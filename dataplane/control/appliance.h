// SPDX-License-Identifier: Apache-2.0
// The whole dataplane of one process, put together in the order in which it must start: tables and ports, Linux's side,
// the control socket, then the workers. Until heartgated has brought policy and endpoint states the gate lets no
// transit packet pass, so isolation is in force before the first one.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/channel/control_requests.h"
#include "dataplane/channel/control_server.h"
#include "dataplane/config/config.h"
#include "dataplane/control/alarms.h"
#include "dataplane/control/kernel_side.h"
#include "dataplane/control/tables.h"
#include "dataplane/control/telemetry.h"
#include "dataplane/control/workers.h"
#include "dataplane/port/port.h"

namespace heartgate::dataplane {

class Appliance {
public:
    // After start_eal(). Throws std::runtime_error: one sentence with what mends it; nothing stays half-started.
    explicit Appliance(const Config& config);
    ~Appliance();
    Appliance(const Appliance&) = delete;
    Appliance& operator=(const Appliance&) = delete;

    // The control loop, until SIGTERM or SIGINT.
    void run();

private:
    void open_ports();
    [[nodiscard]] std::optional<MacAddress> interface_mac_of(std::uint8_t port) const;
    void close_ports() noexcept;
    void add_workers();
    void load_standalone_policy();
    void watch();

    Config config_;
    rte_mempool* pool_;  // never freed: vdevs stay open until the process is gone, and hold mbufs
    std::unique_ptr<Tables> tables_;
    std::vector<Port> ports_;
    std::unique_ptr<KernelSide> kernel_;
    std::unique_ptr<Workers> workers_;
    Alarms alarms_;
    std::unique_ptr<Telemetry> telemetry_;
    boost::asio::io_context loop_;
    std::unique_ptr<ControlRequests> requests_;
    std::unique_ptr<ControlServer> server_;
};

}  // namespace heartgate::dataplane
