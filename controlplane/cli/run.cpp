// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"

namespace heartgate::control::cli {

int run(int argc, const char* const* argv, std::ostream& out, std::ostream& err, bool colours) {
    Context context{.out = out, .err = err, .command = {}};
    context.colours = colours;
    CLI::App app("Shows and steers a Heartgate gateway. Talks to heartgated on this machine.", "hgctl");
    app.require_subcommand(1);
    app.failure_message([](const CLI::App* root, const CLI::Error& problem) {
        const auto unknown = root->remaining(true);
        const std::string what = unknown.empty() ? problem.what() : "does not know '" + unknown.front() + "'";
        return "hgctl: " + what + "; see hgctl --help, or --help behind the command\n";
    });
    app.set_version_flag("--version", HEARTGATE_VERSION);
    app.add_option("--socket", context.socket, "heartgated's administration socket")->capture_default_str();
    app.add_option_function<std::string>(
           "--output", [&](const std::string& form) { context.json = form == "json"; },
           "table for people, or json: the reply as proto3 JSON")
        ->check(CLI::IsMember({"table", "json"}))
        ->default_str("table");
    app.footer(
        "Exit codes: 0 done; 1 failed; 2 wrong usage; 3 heartgated (or the dataplane, where needed) not reachable;\n"
        "4 no such endpoint; 5 refused as invalid, such as a policy that does not validate; 6 accepted, but not yet\n"
        "applied by a dataplane. The answer goes to the standard output, everything else to the standard error.\n"
        "Example: hgctl endpoint list --output json");
    add_status_command(app, context);
    add_endpoint_commands(app, context);
    add_flow_commands(app, context);
    add_statistics_command(app, context);
    add_policy_commands(app, context);
    add_token_commands(app, context);
    add_event_commands(app, context);
    add_drop_commands(app, context);
    add_capture_command(app, context);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& problem) {
        return app.exit(problem, out, err) == 0 ? kOk : kUsage;
    }
    return context.command();
}

}  // namespace heartgate::control::cli
