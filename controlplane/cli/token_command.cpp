// SPDX-License-Identifier: Apache-2.0
// hgctl token create
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "controlplane/cli/commands.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/noun.h"
#include "heartgate/v1/administration.grpc.pb.h"

namespace heartgate::control::cli {
namespace {

struct Arguments {
    std::uint32_t uses = 1;
    std::uint32_t valid_s = 86'400;
};

int create(const Context& context, const Arguments& arguments) {
    v1::CreateTokenRequest request;
    request.set_uses(arguments.uses);
    request.set_valid_s(arguments.valid_s);
    const auto stub = v1::AdministrationService::NewStub(context.channel());
    return call(context, "token create", &v1::AdministrationService::Stub::CreateToken, *stub, request,
                [&](const v1::CreateTokenResponse& reply) -> int {
                    if (context.json) return kOk;
                    context.out << styled(reply.token(), false) << std::endl;
                    context.err << fmt::format("Good for {} endpoint{} until {}. It is not shown again.\n",
                                               arguments.uses, arguments.uses == 1 ? "" : "s",
                                               time_text(reply.expires_unix_s() * 1000));
                    return kOk;
                });
}

}  // namespace

void add_token_commands(CLI::App& app, Context& context) {
    Noun<Arguments> noun(app, context, "token", "what lets new endpoints enrol", "hgctl token create --uses 20");
    Arguments& arguments = noun.arguments();
    CLI::App& verb = noun.verb("create", "a new enrolment token, on the standard output",
                               "token=$(hgctl token create --uses 20 --valid 2h)", create);
    verb.add_option("--uses", arguments.uses, "how many endpoints may enrol with it")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    verb.add_option("--valid", arguments.valid_s, "for how long, up to 30 days: 90s, 30m, 2h, 7d")
        ->transform(CLI::AsNumberWithUnit(
            std::map<std::string, std::uint32_t>{{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86'400}}))
        ->check(CLI::Range(1, 2'592'000))
        ->default_str("24h");
}

}  // namespace heartgate::control::cli
