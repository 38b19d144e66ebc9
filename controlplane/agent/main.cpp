// SPDX-License-Identifier: Apache-2.0
// heartgate-agent: what runs on an endpoint. Options and sub-commands only.
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "controlplane/agent/commands.h"
#include "controlplane/agent/grpc/channel.h"

namespace {

namespace agent = heartgate::control::agent;
constexpr const char* kDefaultConfig = "/etc/heartgate/agent.yaml";

// Without --config the default file may be missing: every key has a default.
heartgate::control::Expected<agent::Config> configuration(const std::string& given) {
    if (!given.empty()) return agent::read_config(given);
    if (std::filesystem::exists(kDefaultConfig)) return agent::read_config(kDefaultConfig);
    return agent::parse_config("", kDefaultConfig);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Reports the health of this machine to its Heartgate gateway."};
    app.set_version_flag("--version", HEARTGATE_VERSION);
    app.fallthrough();
    app.require_subcommand(0, 1);
    std::string config_path;
    bool verbose = false;
    bool only_check = false;
    app.add_option("--config", config_path, std::string{"configuration file (default "} + kDefaultConfig + ")");
    app.add_flag("--verbose", verbose, "say more on stderr");
    app.add_flag("--check-config", only_check, "only say whether the configuration is valid on this machine");

    app.add_subcommand("run", "watch and report until a signal comes; what happens without a command");
    CLI::App* enrol = app.add_subcommand("enrol", "get a certificate for a token of the gateway's administrator");
    std::string token;
    std::string token_file;
    CLI::Option* token_option =
        enrol->add_option("--token", token, "hgt1.SECRET.FINGERPRINT; other users can see it in the list of processes");
    CLI::Option* token_file_option = enrol->add_option(
        "--token-file", token_file, "file that holds the token, - for standard input; better than --token");
    token_option->excludes(token_file_option);
    CLI::App* status = app.add_subcommand("status", "how this machine stands");
    std::string output = "text";
    status->add_option("--output", output, "text or json")->check(CLI::IsMember({"text", "json"}));
    CLI::App* rescan = app.add_subcommand("rescan", "let the running agent look at everything again");
    CLI::App* scan = app.add_subcommand("scan", "look for malware in a file or directory; reports, changes nothing");
    std::string path;
    scan->add_option("PATH", path)->required();

    try {
        app.parse(argc, argv);
        if (*enrol && token.empty() && token_file.empty()) {
            throw CLI::RequiredError{"enrol needs --token-file FILE (- for standard input) or --token TOKEN; it"};
        }
    } catch (const CLI::ParseError& problem) {
        return app.exit(problem) == 0 ? 0 : 2;
    }

    spdlog::set_default_logger(spdlog::stderr_color_mt("heartgate-agent"));
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %n %l: %v");
    spdlog::set_level(verbose ? spdlog::level::debug : spdlog::level::info);
    agent::route_grpc_log();
    const auto config = configuration(config_path);
    if (!config) {
        fmt::print(stderr, "heartgate-agent: {}\n", config.error().message);
        return 1;
    }
    if (only_check) return agent::check_command(*config);
    if (*enrol) return agent::enrol_command(*config, token, token_file);
    if (*status) return agent::status_command(*config, output == "json");
    if (*rescan) return agent::rescan_command(*config);
    if (*scan) return agent::scan_command(*config, path);
    return agent::run_command(*config);
}
