// SPDX-License-Identifier: Apache-2.0
// policy.yaml: an error or a policy, and what heartgated takes the dataplane takes, unless it is too large for an
// index.
#include "controlplane/policy/policy_yaml.h"
#include "dataplane/policy/compiled_policy.h"
#include "tests/fuzz/input.h"
#include "tests/packet/verdict/eal.h"
#include "tests/zones.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    heartgate::fuzz::Input input{data, size};
    auto parsed = heartgate::control::parse_policy(input.text(), "policy.yaml");
    if (!parsed) {
        heartgate::fuzz::require(parsed.error().message.find("policy.yaml") != std::string::npos,
                                 "an error names the file");
        return 0;
    }
    parsed->policy.set_revision(1);
    heartgate::dataplane::start_eal();
    const auto compiled =
        heartgate::dataplane::CompiledPolicy::build(parsed->policy, heartgate::dataplane::test::zones());
    if (!compiled) std::fprintf(stderr, "%s\n", compiled.error().c_str());
    // Which zones there are only the dataplane knows.
    const bool unknown_zone = !compiled && compiled.error().find("found zone") != std::string::npos;
    const bool large = !compiled && compiled.error().find("combinations of networks and services") != std::string::npos;
    heartgate::fuzz::require(compiled.has_value() || large || unknown_zone,
                             "the dataplane takes what heartgated takes");
    return 0;
}
