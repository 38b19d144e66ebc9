// SPDX-License-Identifier: Apache-2.0
// heartgate-listener: the control plane's ear. Faces machines that are assumed to be infected, so it runs without
// privileges and may crash: that costs the endpoints a reconnect and nothing else.
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <thread>

#include "controlplane/common/unprivileged.h"
#include "controlplane/listener/config.h"
#include "controlplane/listener/listener.h"

namespace {

namespace control = heartgate::control;

int run(const std::string& config_path, bool only_check) {
    const auto fail = [](const control::Error& problem) {
        spdlog::error("{}", problem.message);
        return 1;
    };
    const auto config = control::listener::load_config(config_path);
    if (!config) return fail(config.error());
    if (only_check) {
        if (!config->user.empty()) {
            if (const auto found = control::check_user(config->user); !found) return fail(found.error());
            fmt::print("user {}: ok\n", config->user);
        }
        fmt::print("{}: ok\n", config_path);
        return 0;
    }
    if (const auto became = control::become_unprivileged(config->user); !became) return fail(became.error());
    if (geteuid() == 0) spdlog::warn("running as root; set user: in {} to a user without rights", config_path);
    control::listener::prepare_grpc();

    auto listener = control::listener::Listener::create(*config);
    if (!listener) return fail(listener.error());
    boost::asio::io_context signal_loop;
    boost::asio::signal_set signals(signal_loop, SIGTERM, SIGINT);
    signals.async_wait([&](const boost::system::error_code& problem, int) {
        if (!problem) (*listener)->stop();
    });
    std::thread signal_thread([&] { signal_loop.run(); });
    const auto result = (*listener)->run();
    signal_loop.stop();
    signal_thread.join();
    if (!result) return fail(result.error());
    spdlog::info("ended");
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    spdlog::set_default_logger(spdlog::stderr_logger_mt("heartgate-listener"));
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %n %l: %v");
    std::signal(SIGPIPE, SIG_IGN);
    CLI::App app("Heartgate's ear: takes heartbeats and enrolments from endpoints and hands them to heartgated.",
                 "heartgate-listener");
    std::string config_path = "/etc/heartgate/listener.yaml";
    app.add_option("--config", config_path, "configuration file")->capture_default_str();
    bool only_check = false;
    app.add_flag("--check-config", only_check, "only say whether the configuration is valid on this machine");
    app.set_version_flag("--version", HEARTGATE_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& problem) {
        return app.exit(problem) == 0 ? 0 : 2;
    }
    return run(config_path, only_check);
}
