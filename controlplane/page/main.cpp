// SPDX-License-Identifier: Apache-2.0
// heartgate-page: serves the page that tells a machine why it is cut off. Faces machines that are taken to be infected,
// so it runs without privileges, knows nothing but what heartgated answers, and may crash: that costs the page.
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "controlplane/common/unprivileged.h"
#include "controlplane/page/config.h"
#include "controlplane/page/page_server.h"

namespace {

namespace control = heartgate::control;

int run(const std::string& config_path, bool only_check) {
    const auto fail = [](const control::Error& problem) {
        spdlog::error("{}", problem.message);
        return 1;
    };
    const auto config = control::page::load_config(config_path);
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

    boost::asio::io_context loop;
    control::page::PageServer server{loop, config->daemon_socket};
    if (const auto listening = server.listen(config->listen, config->port); !listening) return fail(listening.error());
    boost::asio::signal_set signals(loop, SIGTERM, SIGINT);
    signals.async_wait([&](const boost::system::error_code& problem, int) {
        if (!problem) loop.stop();
    });
    spdlog::info("ready: the page is at {}:{}", config->listen, server.port());
    loop.run();
    spdlog::info("ended");
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    spdlog::set_default_logger(spdlog::stderr_logger_mt("heartgate-page"));
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %n %l: %v");
    std::signal(SIGPIPE, SIG_IGN);
    CLI::App app("Heartgate's page: tells machines that are cut off why, and what to do.", "heartgate-page");
    std::string config_path = "/etc/heartgate/page.yaml";
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
