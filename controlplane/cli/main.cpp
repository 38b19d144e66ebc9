// SPDX-License-Identifier: Apache-2.0
// hgctl: the command line of a Heartgate gateway.
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string_view>

#include "controlplane/cli/commands.h"

int main(int argc, char** argv) {
    const char* terminal = std::getenv("TERM");
    // https://no-color.org
    const bool colours = isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr &&
                         (terminal == nullptr || std::string_view(terminal) != "dumb");
    return heartgate::control::cli::run(argc, argv, std::cout, std::cerr, colours);
}
