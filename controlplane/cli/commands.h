// SPDX-License-Identifier: Apache-2.0
// One function per noun: each adds its verbs to the parser. The verb that was given sets Context::command.
#pragma once

#include "controlplane/cli/context.h"

namespace CLI {
class App;
}

namespace heartgate::control::cli {

void add_status_command(CLI::App& app, Context& context);
void add_endpoint_commands(CLI::App& app, Context& context);
void add_flow_commands(CLI::App& app, Context& context);
void add_statistics_command(CLI::App& app, Context& context);
void add_policy_commands(CLI::App& app, Context& context);
void add_token_commands(CLI::App& app, Context& context);
void add_drop_commands(CLI::App& app, Context& context);
void add_capture_command(CLI::App& app, Context& context);
void add_event_commands(CLI::App& app, Context& context);

// Parses and runs one command line; gives the exit code. The program's main, and the tests, call this.
int run(int argc, const char* const* argv, std::ostream& out, std::ostream& err, bool colours);

}  // namespace heartgate::control::cli
