// SPDX-License-Identifier: Apache-2.0
#include "dataplane/fragment/identification.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

using namespace heartgate::dataplane;

TEST_CASE("no identification comes twice within 65,536") {
    const KeyHash hash;
    Identifications identifications{hash};
    std::set<std::uint16_t> seen;
    for (unsigned i = 0; i < 65536; ++i) seen.insert(identifications.next());
    CHECK(seen.size() == 65536);
}

TEST_CASE("one identification does not tell the next") {
    // Of 1,000 differences between neighbours none stands out, as one would for a counter.
    const KeyHash hash;
    Identifications identifications{hash};
    std::map<std::uint16_t, unsigned> differences;
    std::uint16_t before = identifications.next();
    for (unsigned i = 0; i < 1000; ++i) {
        const std::uint16_t now = identifications.next();
        ++differences[static_cast<std::uint16_t>(now - before)];
        before = now;
    }
    for (const auto& [difference, count] : differences) {
        INFO(difference);
        CHECK(count < 20);
    }
}
