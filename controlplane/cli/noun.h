// SPDX-License-Identifier: Apache-2.0
// One noun of the command line ("endpoint") with its verbs ("list"), which share one set of arguments. The verb that
// was given sets Context::command.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "controlplane/cli/context.h"

namespace heartgate::control::cli {

template <typename Arguments>
class Noun {
public:
    using Function = int (*)(const Context&, const Arguments&);

    // `example`: a whole command line, for --help.
    Noun(CLI::App& app, Context& context, const char* name, const char* description, const std::string& example)
        : context_{context}, noun_{app.add_subcommand(name, description)->fallthrough()->require_subcommand(1)} {
        noun_->footer("Example: " + example);
    }

    CLI::App& verb(const char* name, const char* description, const std::string& example, Function function) {
        CLI::App* verb = noun_->add_subcommand(name, description)->fallthrough();
        verb->footer("Example: " + example);
        verb->callback([&context = context_, arguments = arguments_, function] {
            context.command = [&context, arguments, function] { return function(context, *arguments); };
        });
        return *verb;
    }
    // Where the options of the verbs are kept; lives as long as a verb that was given needs it.
    [[nodiscard]] Arguments& arguments() { return *arguments_; }

private:
    Context& context_;
    CLI::App* noun_;
    std::shared_ptr<Arguments> arguments_ = std::make_shared<Arguments>();
};

}  // namespace heartgate::control::cli
