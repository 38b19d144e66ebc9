// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/check.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "controlplane/common/yaml_reader.h"
#include "controlplane/daemon/unix_listen.h"
#include "controlplane/policy/policy_yaml.h"

namespace heartgate::control {

Expected<std::vector<std::string>> check_start(const std::string& file) {
    const auto configuration = read_configuration(file);
    if (!configuration) return tl::unexpected(configuration.error());
    std::vector<std::string> lines{fmt::format("{}: ok", file)};
    for (const auto& [key, group] : {std::pair{"listener_socket", configuration->listener_group},
                                     std::pair{"page_socket", configuration->page_group}}) {
        if (const auto found = group_id(group); !found) {
            return error(ErrorKind::kInvalidArgument, fmt::format("{}.group: {}", key, found.error().message));
        }
        if (!group.empty()) lines.push_back(fmt::format("{}.group {}: ok", key, group));
    }

    std::error_code ignored;
    const std::string& state = configuration->state_directory;
    if (std::filesystem::exists(state, ignored) && !std::filesystem::is_directory(state, ignored)) {
        return error(ErrorKind::kInvalidArgument, fmt::format("state_directory: {} is not a directory", state));
    }
    const std::string& policy = configuration->policy_file;
    if (!configuration->policy_required && !std::filesystem::exists(policy, ignored)) {
        lines.push_back(fmt::format("{}: not there, everything is dropped until `hgctl policy apply`", policy));
        return lines;
    }
    const auto yaml = from_yaml_file(policy, [&](const YamlNode&) { return read_text_file(policy); });
    if (!yaml) return tl::unexpected(yaml.error());
    const auto parsed = parse_policy(*yaml, policy);
    if (!parsed) return tl::unexpected(parsed.error());
    for (const std::string& warning : parsed->warnings)
        lines.push_back(fmt::format("{}: warning: {}", policy, warning));
    lines.push_back(fmt::format("{}: ok, {} rules; a policy that was applied before goes first", policy,
                                parsed->policy.rules_size()));
    return lines;
}

}  // namespace heartgate::control
