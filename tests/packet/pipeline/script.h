// SPDX-License-Identifier: Apache-2.0
// Golden packets: scripts that an operator can read. A line at the margin does something, the lines indented below it
// say everything that comes of it; nothing else may happen. Lines are
//
//   lan|wan [to MACHINE] SENDER PACKET    a frame arrives (frame.h tells what PACKET is); "+ ..." adds one to the burst
//   linux lan|wan RECEIVER PACKET         Linux sends a frame
//   loop [TIMES]                          the worker turns
//   wait MILLISECONDS
//   green|yellow|red|missing|asleep|never|isolate|permit pc|other
//   bind pc|other MACHINE ADDRESS, unbind MACHINE ADDRESS, resolve ADDRESS MACHINE, forget ADDRESS, not-ready,
//   no-wan-address route NETWORK/BITS ZONE [GATEWAY], unroute NETWORK/BITS, mtu lan|wan BYTES, kernel-full policy
//   any|green|yellow|heartbeat|destination-green|drop|reject|none|wan-open|from-any|from-any-heartbeat|from-guests|to-servers|nothing;
//   publish, publish-no-rule (tcp/443 of every WAN address to 10.0.0.11:8443, udp/500 to the same machine for
//   203.0.113.0/24); "green-else-reject" and the like
//   answer whom the rule's condition or isolation keeps out
#pragma once

#include <set>
#include <string>
#include <vector>

#include "world.h"

namespace heartgate::dataplane::test {

struct Golden {
    const char* name;
    const char* script;
    WorldOptions options;
};

// All that GOLDEN has declared.
std::vector<Golden>& goldens();

struct Declared {
    explicit Declared(const Golden& golden) { goldens().push_back(golden); }
};

// Runs it, with a Catch2 assertion per line. Returns the names of the drop reasons that were seen.
std::set<std::string> run(const Golden& golden);

}  // namespace heartgate::dataplane::test

#define GOLDEN_WITH(options, name, script) GOLDEN_NUMBERED(options, name, script, __COUNTER__)
#define GOLDEN_NUMBERED(options, name, script, number) GOLDEN_JOINED(options, name, script, number)
#define GOLDEN_JOINED(options, name, script, number)                                        \
    static const heartgate::dataplane::test::Golden kGolden##number{name, script, options}; \
    static const heartgate::dataplane::test::Declared kDeclared##number{kGolden##number};   \
    TEST_CASE(name) { heartgate::dataplane::test::run(kGolden##number); }                   \
    static_assert(true)
#define GOLDEN(name, script) GOLDEN_WITH(heartgate::dataplane::test::WorldOptions{}, name, script)
