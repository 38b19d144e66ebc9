// SPDX-License-Identifier: Apache-2.0
// policy.yaml: an error or a policy, and what heartgated takes the dataplane takes.
#include "controlplane/policy/policy_yaml.h"
#include "dataplane/policy/compiled_policy.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    heartgate::fuzz::Input input{data, size};
    auto parsed = heartgate::control::parse_policy(input.text(), "policy.yaml");
    if (!parsed) {
        heartgate::fuzz::require(parsed.error().message.find("policy.yaml") != std::string::npos,
                                 "an error names the file");
        return 0;
    }
    parsed->policy.set_revision(1);
    const auto compiled = heartgate::dataplane::CompiledPolicy::build(parsed->policy);
    if (!compiled) std::fprintf(stderr, "%s\n", compiled.error().c_str());
    heartgate::fuzz::require(compiled.has_value(), "the dataplane takes what heartgated takes");
    return 0;
}
