// SPDX-License-Identifier: Apache-2.0
// What heartgated must not forget, behind one narrow interface: read all at start, write changes in transactions.
// Heartbeats are not among it; only the transitions they cause are.
#pragma once

#include <heartgate/v1/common.pb.h>
#include <heartgate/v1/event.pb.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "controlplane/common/error.h"
#include "controlplane/common/ip_network.h"

namespace heartgate::control {

// Of a binding by address alone.
inline const std::string kNoMac(6, '\0');

struct StoredBinding {
    std::string mac;  // 6 bytes; all zero: the address alone (a routed zone)
    IpAddress address;

    friend bool operator==(const StoredBinding&, const StoredBinding&) = default;
};

struct StoredEndpoint {
    std::string id;           // UUID
    std::uint32_t index = 0;  // slot in the dataplane's endpoint table, from 1; never given to another endpoint
    std::string host;
    std::string user;
    std::string agent_version;
    std::string os;
    v1::Colour colour = v1::COLOUR_UNSPECIFIED;
    v1::Presence presence = v1::PRESENCE_NONE;
    std::uint64_t boot = 0;
    std::uint64_t sequence = 0;
    std::vector<v1::Reason> reasons;
    std::int64_t since_unix_ms = 0;
    std::int64_t last_heartbeat_unix_ms = 0;
    std::uint32_t interval_ms = 15'000;
    bool manual_isolation = false;
    std::string manual_reason;
    std::string certificate_serial;
    std::int64_t certificate_not_after_unix_s = 0;
    std::string key_fingerprint;
    std::string machine_id;
    std::vector<StoredBinding> bindings;
};

struct StoredToken {
    std::string hash;
    std::uint32_t uses_left = 0;
    std::int64_t expires_unix_s = 0;
};
// A use of a token by one key: the same key may ask again.
struct TokenUse {
    std::string hash;
    std::string key_fingerprint;
    std::string endpoint_id;
};
struct StoredPolicy {
    std::uint64_t revision = 0;
    std::string yaml;
    std::string file_name;
    std::int64_t applied_unix_ms = 0;
};
// Its bindings with it.
struct RemovedEndpoint {
    std::string id;
};
// One that did not come into force after all.
struct RemovedPolicy {
    std::uint64_t revision = 0;
};
struct RevokedSerial {
    std::string serial;
};

// An older one is of no use: one that the dataplane refuses gives way to the one before it.
inline constexpr std::size_t kStoredPolicies = 8;

struct StoredState {
    std::vector<StoredEndpoint> endpoints;
    std::vector<StoredToken> tokens;
    std::vector<TokenUse> token_uses;
    std::vector<StoredPolicy> policies;  // the newest first, at most kStoredPolicies
    std::vector<RevokedSerial> revoked;
    std::vector<v1::Event> events;  // the newest ones, oldest first
};

using StoreChange = std::variant<StoredEndpoint, StoredToken, TokenUse, StoredPolicy, RemovedEndpoint, RemovedPolicy,
                                 RevokedSerial, v1::Event>;

class Store {
public:
    virtual ~Store() = default;

    // `events`: the most past events wanted.
    [[nodiscard]] virtual Expected<StoredState> load(std::size_t events) = 0;
    // All of it or nothing, on disk when it returns. A change replaces what has the same identity.
    [[nodiscard]] virtual Expected<void> write(const std::vector<StoreChange>& changes) = 0;
};

}  // namespace heartgate::control
