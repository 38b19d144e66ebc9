// SPDX-License-Identifier: Apache-2.0
// heartgate-dataplane: command line, logging, and the order configuration - EAL - appliance.
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>

#include <exception>
#include <string>

#include "dataplane/config/config.h"
#include "dataplane/control/appliance.h"
#include "dataplane/port/eal.h"
#include "dataplane/port/instance.h"
#include "dataplane/port/signals.h"

namespace {

using namespace heartgate::dataplane;

// What EAL leaves behind is removed also when the appliance does not start.
class Eal {
public:
    explicit Eal(const Config& config) : prefix_{config.dpdk.file_prefix} { start_eal(config); }
    ~Eal() { remove_instance_files(prefix_); }
    Eal(const Eal&) = delete;
    Eal& operator=(const Eal&) = delete;

private:
    std::string prefix_;
};

int run(const std::string& path, bool only_check) {
    const Config config = load_config(path);
    if (only_check) {
        fmt::print("{}: valid\n", path);
        return 0;
    }
    block_signals();
    const Eal eal{config};
    Appliance appliance{config};
    appliance.run();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App options{
        "The dataplane of a Heartgate appliance: forwards packets of healthy machines between LAN and WAN."};
    std::string path = "/etc/heartgate/dataplane.yaml";
    bool only_check = false;
    options.add_option("--config", path, "configuration file")->capture_default_str();
    options.add_flag("--check-config", only_check, "only say whether the configuration is valid");
    options.set_version_flag("--version", "heartgate-dataplane " HEARTGATE_VERSION);
    try {
        options.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int code = options.exit(error);
        return code == 0 ? 0 : 2;
    }
    spdlog::set_default_logger(spdlog::stderr_logger_mt("dataplane"));
    spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e %n %l: %v");
    try {
        return run(path, only_check);
    } catch (const std::exception& error) {
        spdlog::error("{}", error.what());
        return 1;
    }
}
