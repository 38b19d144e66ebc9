// SPDX-License-Identifier: Apache-2.0
// The configuration files of heartgate-dataplane and heartgated: one error that names the file, or a configuration.
#include "controlplane/daemon/configuration.h"
#include "dataplane/config/config.h"
#include "tests/fuzz/input.h"

using heartgate::fuzz::Input;
using heartgate::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{data, size};
    const std::string text = input.text();
    try {
        (void)heartgate::dataplane::parse_config(text, "dataplane.yaml");
    } catch (const heartgate::dataplane::ConfigError& problem) {
        require(std::string{problem.what()}.find("dataplane.yaml") != std::string::npos, "an error names the file");
    }
    const auto daemon = heartgate::control::parse_configuration(text, "heartgated.yaml");
    require(daemon || daemon.error().message.find("heartgated.yaml") != std::string::npos, "an error names the file");
    return 0;
}
