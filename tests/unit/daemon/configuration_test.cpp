// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/configuration.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "controlplane/common/yaml_reader.h"
#include "controlplane/daemon/check.h"
#include "controlplane/policy/policy_yaml.h"

using heartgate::control::check_start;
using heartgate::control::Configuration;
using heartgate::control::parse_configuration;
using heartgate::control::parse_policy;
using heartgate::control::read_configuration;
using heartgate::control::read_text_file;

namespace {

std::string mistake(const std::string& yaml) {
    const auto parsed = parse_configuration(yaml, "heartgated.yaml");
    return parsed ? "none" : parsed.error().message;
}

}  // namespace

TEST_CASE("the example configuration says what the defaults are") {
    const auto example = read_configuration(SOURCE_ROOT "/packaging/examples/heartgated.yaml");
    REQUIRE(example);
    const Configuration defaults;
    CHECK(example->file_prefix == defaults.file_prefix);
    CHECK(example->dataplane_socket == defaults.dataplane_socket);
    CHECK(example->admin_socket == defaults.admin_socket);
    CHECK(example->listener_socket == defaults.listener_socket);
    CHECK(example->listener_group == "nogroup");  // of the user in listener.yaml
    CHECK(example->page_group == "www-data");     // of the user in page.yaml
    CHECK(example->listener_mode == defaults.listener_mode);
    CHECK(example->state_directory == defaults.state_directory);
    CHECK(example->policy_file == defaults.policy_file);
    CHECK(example->certificate_validity == defaults.certificate_validity);
    CHECK(example->accept_expired == defaults.accept_expired);
    CHECK(example->heartbeat_addresses == defaults.heartbeat_addresses);
    CHECK(example->interval == defaults.interval);
    CHECK(example->log_level == defaults.log_level);
    CHECK(parse_configuration("", "empty").has_value());
}

TEST_CASE("the example policy is valid and has no warning") {
    const auto policy = parse_policy(read_text_file(SOURCE_ROOT "/packaging/examples/policy.yaml"), "policy.yaml");
    REQUIRE(policy);
    CHECK(policy->warnings.empty());
}

TEST_CASE("each mistake in the configuration is named by line, key, what was found and what is allowed") {
    CHECK(mistake("dpdk:\n  prefix: x\n") == "heartgated.yaml:2: dpdk.prefix: unknown key; allowed: file_prefix");
    CHECK(mistake("dpdk: {file_prefix: ../x}\n").find("heartgated.yaml:1: dpdk.file_prefix: found '../x'") == 0);
    CHECK(mistake("admin_socket: hgctl.sock\n") ==
          "heartgated.yaml:1: admin_socket: found 'hgctl.sock'; allowed: an absolute path of at most 107 bytes");
    CHECK(mistake("heartbeat:\n  interval: 50ms\n") ==
          "heartgated.yaml:2: heartbeat.interval: found '50ms'; allowed: a duration such as 250ms, 15s, 10m or 24h, "
          "from 100ms to 60000ms");
    CHECK(mistake("heartbeat:\n  addresses: [10.0.0.300]\n") ==
          "heartgated.yaml:2: heartbeat.addresses[0]: found '10.0.0.300'; allowed: an IPv4 or IPv6 address");
    CHECK(mistake("listener_socket: {mode: \"0777\"}\n")
              .find("heartgated.yaml:1: listener_socket.mode: found "
                    "'0777'") == 0);
    CHECK(mistake("log_level: loud\n") ==
          "heartgated.yaml:1: log_level: found 'loud'; allowed: debug, info, warning or error");
}

TEST_CASE("checking finds what a start would find: the group, the policy file, the place of the state") {
    std::string folder = (std::filesystem::temp_directory_path() / "heartgate-check-XXXXXX").string();
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    const std::string file = folder + "/heartgated.yaml";
    const auto check = [&](const std::string& yaml) {
        std::ofstream{file} << yaml;
        return check_start(file);
    };
    const std::string policy = "policy: " + folder + "/policy.yaml\n";
    std::ofstream{folder + "/policy.yaml"} << "rules: []\n";
    const auto good = check(policy + "listener_socket: {group: root}\n");
    REQUIRE(good);
    CHECK(good->front() == file + ": ok");
    CHECK(good->size() == 3);

    const auto mistake = [&](const std::string& yaml) {
        const auto checked = check(yaml);
        return checked ? "none" : checked.error().message;
    };
    CHECK(mistake("log_level: loud\n").find(file + ":1: log_level") == 0);
    CHECK(mistake("listener_socket: {group: hg-nobody-has-this}\n").find("listener_socket.group: there is no group") ==
          0);
    CHECK(mistake("policy: " + folder + "/absent.yaml\n").find(folder + "/absent.yaml") == 0);
    CHECK(mistake("state_directory: " + file + "\n").find("is not a directory") != std::string::npos);
    std::ofstream{folder + "/policy.yaml"} << "rules: [{name: x}]\n";
    CHECK(mistake(policy).find(folder + "/policy.yaml:1: rules[0].action") == 0);
    CHECK_FALSE(std::filesystem::exists(folder + "/heartgate.db"));
    std::filesystem::remove_all(folder);
}
