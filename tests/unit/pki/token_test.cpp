// SPDX-License-Identifier: Apache-2.0
#include "controlplane/pki/token.h"

#include <catch2/catch.hpp>

using namespace heartgate::control::pki;  // NOLINT(google-build-using-namespace)

namespace {
const std::string kFingerprint(64, 'a');
}

TEST_CASE("a token survives being printed, copied with blanks around it and read") {
    const auto token = make_token(kFingerprint);
    REQUIRE(token);
    const auto read = parse_token("  " + format_token(*token) + "\n");
    REQUIRE(read);
    CHECK(read->secret == token->secret);
    CHECK(read->fingerprint == kFingerprint);
    CHECK(token->secret.size() == 48);
    CHECK(make_token(kFingerprint)->secret != token->secret);
}

TEST_CASE("what is not a token is refused without repeating it") {
    for (const std::string& text :
         {std::string(), std::string("hgt1."), std::string("hgt2.aa.") + kFingerprint, std::string("hgt1.5ec2e7"),
          std::string("hgt1..") + kFingerprint, std::string("hgt1.5ec2e7.") + kFingerprint.substr(1),
          std::string("hgt1.5ec2e7.") + kFingerprint + "a", std::string("hgt1.5ec2\x1b[2J.") + kFingerprint,
          "hgt1." + std::string(129, 'a') + "." + kFingerprint}) {
        CAPTURE(text);
        const auto read = parse_token(text);
        REQUIRE_FALSE(read);
        CHECK_THAT(read.error().message, !Catch::Contains("5ec2"));
    }
}

TEST_CASE("a token is stored as the SHA-256 of its secret") {
    CHECK(hash_token("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
