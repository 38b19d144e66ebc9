// SPDX-License-Identifier: Apache-2.0
#include "controlplane/store/sqlite_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <heartgate/v1/endpoint.pb.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "controlplane/store/sqlite_statement.h"

namespace heartgate::control {
namespace {

constexpr int kSchemaVersion = 1;
constexpr std::uint64_t kMostEvents = 100'000;

constexpr const char* kSchema = R"(
CREATE TABLE endpoint (
  id TEXT PRIMARY KEY, slot INTEGER NOT NULL UNIQUE CHECK (slot > 0), host TEXT NOT NULL, user TEXT NOT NULL,
  agent_version TEXT NOT NULL, os TEXT NOT NULL, colour INTEGER NOT NULL, presence INTEGER NOT NULL,
  boot INTEGER NOT NULL, sequence INTEGER NOT NULL, reasons BLOB NOT NULL, since_ms INTEGER NOT NULL,
  last_heartbeat_ms INTEGER NOT NULL, interval_ms INTEGER NOT NULL, manual_isolation INTEGER NOT NULL,
  manual_reason TEXT NOT NULL, certificate_serial TEXT NOT NULL, certificate_not_after_s INTEGER NOT NULL,
  key_fingerprint TEXT NOT NULL, machine_id BLOB NOT NULL) STRICT;
CREATE TABLE binding (
  address BLOB PRIMARY KEY, mac BLOB NOT NULL, endpoint TEXT NOT NULL REFERENCES endpoint(id)) STRICT;
CREATE INDEX binding_endpoint ON binding(endpoint);
CREATE TABLE token (hash TEXT PRIMARY KEY, uses_left INTEGER NOT NULL, expires_s INTEGER NOT NULL) STRICT;
CREATE TABLE token_use (
  hash TEXT NOT NULL, key_fingerprint TEXT NOT NULL, endpoint TEXT NOT NULL, PRIMARY KEY (hash, key_fingerprint)) STRICT;
CREATE TABLE policy (
  revision INTEGER PRIMARY KEY, yaml TEXT NOT NULL, file_name TEXT NOT NULL, applied_ms INTEGER NOT NULL) STRICT;
CREATE TABLE revoked (serial TEXT PRIMARY KEY) STRICT;
CREATE TABLE event (id INTEGER PRIMARY KEY, content BLOB NOT NULL) STRICT;
)";

void run(sqlite3* database, const char* sql) {
    if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) != SQLITE_OK) throw SqliteError{database};
}

std::string encode(const std::vector<v1::Reason>& reasons) {
    v1::Endpoint carrier;
    for (const v1::Reason& reason : reasons) *carrier.add_reasons() = reason;
    return carrier.SerializeAsString();
}

std::vector<v1::Reason> decode(const std::string& bytes) {
    v1::Endpoint carrier;
    if (!carrier.ParseFromString(bytes)) throw std::runtime_error{"reasons of an endpoint cannot be decoded"};
    return {carrier.reasons().begin(), carrier.reasons().end()};
}

tl::unexpected<Error> refused(const std::string& path, const std::string& problem) {
    return error(ErrorKind::kInternal,
                 fmt::format("{}: the database cannot be used: {}. Nothing was changed; without it nobody's isolation "
                             "is known, so heartgated does not start. Restore a backup, or move the file away to "
                             "begin without endpoints and policy",
                             path, problem));
}

void check_or_create_schema(sqlite3* database) {
    SqliteStatement check{database, "PRAGMA quick_check(1)"};
    if (!check.step()) throw std::runtime_error{"its check gives no answer"};
    if (const std::string result = check.bytes(); result != "ok") throw std::runtime_error{result};
    SqliteStatement version{database, "PRAGMA user_version"};
    version.step();
    const int found = version.integer<int>();
    if (found == kSchemaVersion) return;
    if (found != 0) {
        throw std::runtime_error{
            fmt::format("its layout has version {}, this program knows {}", found, kSchemaVersion)};
    }
    run(database, "BEGIN IMMEDIATE");
    run(database, kSchema);
    run(database, fmt::format("PRAGMA user_version = {}", kSchemaVersion).c_str());
    run(database, "COMMIT");
}

}  // namespace

Expected<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return refused(path, std::strerror(errno));
    ::close(file);
    sqlite3* database = nullptr;
    const int result = sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    std::unique_ptr<SqliteStore> store{new SqliteStore{database, path}};
    if (result != SQLITE_OK) return refused(path, sqlite3_errstr(result));
    try {
        sqlite3_busy_timeout(database, 2000);
        run(database, "PRAGMA foreign_keys = ON");
        check_or_create_schema(database);
        run(database, "PRAGMA journal_mode = WAL");
        run(database, "PRAGMA synchronous = FULL");
    } catch (const std::runtime_error& problem) {
        return refused(path, problem.what());
    }
    return store;
}

SqliteStore::~SqliteStore() { sqlite3_close_v2(database_); }

Expected<StoredState> SqliteStore::load(std::size_t events) {
    StoredState state;
    try {
        std::map<std::string, std::vector<StoredBinding>> bindings;
        SqliteStatement binding{database_, "SELECT endpoint, mac, address FROM binding ORDER BY address"};
        while (binding.step()) {
            const std::string id = binding.bytes();
            const std::string mac = binding.bytes();
            const auto address = IpAddress::from_wire(binding.bytes());
            if (mac.size() != 6 || !address) throw std::runtime_error{"a binding cannot be decoded"};
            bindings[id].push_back({mac, *address});
        }
        SqliteStatement row{database_,
                            "SELECT id, slot, host, user, agent_version, os, colour, presence, boot, sequence, "
                            "reasons, since_ms, last_heartbeat_ms, interval_ms, manual_isolation, manual_reason, "
                            "certificate_serial, certificate_not_after_s, key_fingerprint, machine_id "
                            "FROM endpoint ORDER BY slot"};
        while (row.step()) {
            StoredEndpoint endpoint;
            endpoint.id = row.bytes();
            endpoint.index = row.integer<std::uint32_t>();
            endpoint.host = row.bytes();
            endpoint.user = row.bytes();
            endpoint.agent_version = row.bytes();
            endpoint.os = row.bytes();
            endpoint.colour = row.integer<v1::Colour>();
            endpoint.presence = row.integer<v1::Presence>();
            if (!v1::Colour_IsValid(endpoint.colour) || !v1::Presence_IsValid(endpoint.presence)) {
                throw std::runtime_error{"an endpoint has an unknown colour or presence"};
            }
            endpoint.boot = row.integer<std::uint64_t>();
            endpoint.sequence = row.integer<std::uint64_t>();
            endpoint.reasons = decode(row.bytes());
            endpoint.since_unix_ms = row.integer<std::int64_t>();
            endpoint.last_heartbeat_unix_ms = row.integer<std::int64_t>();
            endpoint.interval_ms = row.integer<std::uint32_t>();
            endpoint.manual_isolation = row.integer<bool>();
            endpoint.manual_reason = row.bytes();
            endpoint.certificate_serial = row.bytes();
            endpoint.certificate_not_after_unix_s = row.integer<std::int64_t>();
            endpoint.key_fingerprint = row.bytes();
            endpoint.machine_id = row.bytes();
            endpoint.bindings = bindings[endpoint.id];
            state.endpoints.push_back(std::move(endpoint));
        }
        SqliteStatement token{database_, "SELECT hash, uses_left, expires_s FROM token"};
        while (token.step()) {
            StoredToken stored;
            stored.hash = token.bytes();
            stored.uses_left = token.integer<std::uint32_t>();
            stored.expires_unix_s = token.integer<std::int64_t>();
            state.tokens.push_back(std::move(stored));
        }
        SqliteStatement use{database_, "SELECT hash, key_fingerprint, endpoint FROM token_use"};
        while (use.step()) {
            TokenUse stored;
            stored.hash = use.bytes();
            stored.key_fingerprint = use.bytes();
            stored.endpoint_id = use.bytes();
            state.token_uses.push_back(std::move(stored));
        }
        SqliteStatement policy{
            database_, "SELECT revision, yaml, file_name, applied_ms FROM policy ORDER BY revision DESC LIMIT ?"};
        policy.number(kStoredPolicies);
        while (policy.step()) {
            StoredPolicy stored;
            stored.revision = policy.integer<std::uint64_t>();
            stored.yaml = policy.bytes();
            stored.file_name = policy.bytes();
            stored.applied_unix_ms = policy.integer<std::int64_t>();
            state.policies.push_back(std::move(stored));
        }
        SqliteStatement revoked{database_, "SELECT serial FROM revoked"};
        while (revoked.step()) state.revoked.push_back({revoked.bytes()});
        SqliteStatement event{database_, "SELECT content FROM event ORDER BY id DESC LIMIT ?"};
        event.number(events);
        while (event.step()) {
            v1::Event stored;
            if (!stored.ParseFromString(event.bytes())) throw std::runtime_error{"an event cannot be decoded"};
            state.events.push_back(std::move(stored));
        }
        std::reverse(state.events.begin(), state.events.end());
    } catch (const std::runtime_error& problem) {
        return refused(path_, problem.what());
    }
    return state;
}

Expected<void> SqliteStore::write(const std::vector<StoreChange>& changes) {
    try {
        run(database_, "BEGIN IMMEDIATE");
        for (const StoreChange& change : changes) {
            std::visit([this](const auto& content) { apply(content); }, change);
        }
        run(database_, "COMMIT");
    } catch (const std::runtime_error& problem) {
        const std::string sentence = problem.what();
        sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
        return error(ErrorKind::kUnavailable, fmt::format("{}: cannot be written: {}", path_, sentence));
    }
    return {};
}

void SqliteStore::apply(const StoredEndpoint& endpoint) {
    SqliteStatement{
        database_,
        "INSERT INTO endpoint VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET "
        "host=excluded.host, user=excluded.user, agent_version=excluded.agent_version, os=excluded.os, "
        "colour=excluded.colour, presence=excluded.presence, boot=excluded.boot, "
        "sequence=excluded.sequence, reasons=excluded.reasons, since_ms=excluded.since_ms, "
        "last_heartbeat_ms=excluded.last_heartbeat_ms, interval_ms=excluded.interval_ms, "
        "manual_isolation=excluded.manual_isolation, manual_reason=excluded.manual_reason, "
        "certificate_serial=excluded.certificate_serial, "
        "certificate_not_after_s=excluded.certificate_not_after_s, "
        "key_fingerprint=excluded.key_fingerprint, machine_id=excluded.machine_id"}
        .text(endpoint.id)
        .number(endpoint.index)
        .text(endpoint.host)
        .text(endpoint.user)
        .text(endpoint.agent_version)
        .text(endpoint.os)
        .number(static_cast<int>(endpoint.colour))
        .number(static_cast<int>(endpoint.presence))
        .number(endpoint.boot)
        .number(endpoint.sequence)
        .blob(encode(endpoint.reasons))
        .number(endpoint.since_unix_ms)
        .number(endpoint.last_heartbeat_unix_ms)
        .number(endpoint.interval_ms)
        .number(endpoint.manual_isolation ? 1 : 0)
        .text(endpoint.manual_reason)
        .text(endpoint.certificate_serial)
        .number(endpoint.certificate_not_after_unix_s)
        .text(endpoint.key_fingerprint)
        .blob(endpoint.machine_id)
        .step();
    SqliteStatement{database_, "DELETE FROM binding WHERE endpoint = ?"}.text(endpoint.id).step();
    for (const StoredBinding& binding : endpoint.bindings) {
        SqliteStatement{database_, "INSERT OR REPLACE INTO binding (address, mac, endpoint) VALUES (?,?,?)"}
            .blob(binding.address.wire())
            .blob(binding.mac)
            .text(endpoint.id)
            .step();
    }
}

void SqliteStore::apply(const StoredToken& token) {
    SqliteStatement{database_, "INSERT OR REPLACE INTO token VALUES (?,?,?)"}
        .text(token.hash)
        .number(token.uses_left)
        .number(token.expires_unix_s)
        .step();
}

void SqliteStore::apply(const TokenUse& use) {
    SqliteStatement{database_, "INSERT OR REPLACE INTO token_use VALUES (?,?,?)"}
        .text(use.hash)
        .text(use.key_fingerprint)
        .text(use.endpoint_id)
        .step();
}

void SqliteStore::apply(const StoredPolicy& policy) {
    SqliteStatement{database_, "INSERT OR REPLACE INTO policy VALUES (?,?,?,?)"}
        .number(policy.revision)
        .text(policy.yaml)
        .text(policy.file_name)
        .number(policy.applied_unix_ms)
        .step();
}

void SqliteStore::apply(const RemovedEndpoint& removed) {
    SqliteStatement{database_, "DELETE FROM binding WHERE endpoint = ?"}.text(removed.id).step();
    SqliteStatement{database_, "DELETE FROM endpoint WHERE id = ?"}.text(removed.id).step();
}

void SqliteStore::apply(const RemovedPolicy& removed) {
    SqliteStatement{database_, "DELETE FROM policy WHERE revision = ?"}.number(removed.revision).step();
}

void SqliteStore::apply(const RevokedSerial& revoked) {
    SqliteStatement{database_, "INSERT OR REPLACE INTO revoked VALUES (?)"}.text(revoked.serial).step();
}

void SqliteStore::apply(const v1::Event& event) {
    SqliteStatement{database_, "INSERT OR REPLACE INTO event VALUES (?,?)"}
        .number(event.id())
        .blob(event.SerializeAsString())
        .step();
    if (event.id() % 1000 == 0 && event.id() > kMostEvents) {
        SqliteStatement{database_, "DELETE FROM event WHERE id <= ?"}.number(event.id() - kMostEvents).step();
    }
}

}  // namespace heartgate::control
