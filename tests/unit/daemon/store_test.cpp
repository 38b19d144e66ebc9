// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>

#include "controlplane/store/sqlite_store.h"
#include "controlplane/store/store_writer.h"

namespace {

using namespace heartgate::control;
namespace v1 = heartgate::v1;

class Directory {
public:
    Directory() {
        std::string name = (std::filesystem::temp_directory_path() / "heartgate-store-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~Directory() { std::filesystem::remove_all(path_); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    [[nodiscard]] std::string database() const { return path_ / "heartgate.db"; }

private:
    std::filesystem::path path_;
};

std::unique_ptr<SqliteStore> open(const Directory& directory) {
    auto store = SqliteStore::open(directory.database());
    REQUIRE(store);
    return std::move(*store);
}

StoredEndpoint endpoint() {
    StoredEndpoint stored;
    stored.id = "6f1c1f0e-0000-4000-8000-000000000001";
    stored.index = 3;
    stored.host = "DESKTOP-SJAJN20";
    stored.user = "m\u00fcller";
    stored.agent_version = "0.1.0";
    stored.os = "Debian 12";
    stored.colour = v1::YELLOW;
    stored.presence = v1::CONNECTED;
    stored.boot = 1'790'000'000;
    stored.sequence = ~0ULL;
    v1::Reason reason;
    reason.set_code(v1::MALWARE_DETECTED);
    reason.set_path("/tmp/eicar.com");
    stored.reasons = {reason};
    stored.since_unix_ms = 5;
    stored.manual_isolation = true;
    stored.manual_reason = "looks odd";
    stored.certificate_serial = "0a";
    stored.certificate_not_after_unix_s = 77;
    stored.key_fingerprint = "ff";
    stored.machine_id = std::string("\0\1", 2);
    stored.bindings = {{std::string("\2\0\0\0\0\5", 6), *IpAddress::from_text("10.0.0.5")},
                       {std::string("\2\0\0\0\0\5", 6), *IpAddress::from_text("2001:db8::5")}};
    return stored;
}

class FailingStore : public Store {
public:
    explicit FailingStore(int failures) : failures_{failures} {}
    Expected<StoredState> load(std::size_t) override { return StoredState{}; }
    Expected<void> write(const std::vector<StoreChange>&) override {
        if (failures_-- > 0) return error(ErrorKind::kUnavailable, "disk full");
        return {};
    }

private:
    int failures_;
};

}  // namespace

TEST_CASE("what was written is there after a restart") {
    const Directory directory;
    v1::Event event;
    event.set_id(41);
    event.set_kind(v1::ISOLATED);
    REQUIRE(open(directory)->write({endpoint(), StoredToken{"hash", 2, 99}, TokenUse{"hash", "key", "id"},
                                    StoredPolicy{1, "rules: []\n", "a.yaml", 3}, StoredPolicy{2, "x", "b.yaml", 4},
                                    RevokedSerial{"0b"}, event}));
    const auto state = open(directory)->load(10);
    REQUIRE(state);
    REQUIRE(state->endpoints.size() == 1);
    const StoredEndpoint& stored = state->endpoints[0];
    const StoredEndpoint wanted = endpoint();
    CHECK(stored.id == wanted.id);
    CHECK(stored.index == 3);
    CHECK(stored.host == wanted.host);
    CHECK(stored.user == wanted.user);
    CHECK(stored.colour == v1::YELLOW);
    CHECK(stored.presence == v1::CONNECTED);
    CHECK(stored.boot == wanted.boot);
    CHECK(stored.sequence == ~0ULL);
    REQUIRE(stored.reasons.size() == 1);
    CHECK(stored.reasons[0].path() == "/tmp/eicar.com");
    CHECK(stored.manual_isolation);
    CHECK(stored.manual_reason == "looks odd");
    CHECK(stored.certificate_serial == "0a");
    CHECK(stored.machine_id == wanted.machine_id);
    CHECK(stored.bindings == wanted.bindings);
    CHECK(state->tokens.at(0).uses_left == 2);
    CHECK(state->token_uses.at(0).endpoint_id == "id");
    CHECK(state->policies.at(0).revision == 2);
    CHECK(state->policies.at(0).yaml == "x");
    CHECK(state->revoked.at(0).serial == "0b");
    CHECK(state->events.at(0).id() == 41);
}

TEST_CASE("writing an endpoint again replaces it and its bindings") {
    const Directory directory;
    const auto store = open(directory);
    StoredEndpoint changed = endpoint();
    REQUIRE(store->write({changed}));
    changed.colour = v1::GREEN;
    changed.bindings.pop_back();
    REQUIRE(store->write({changed}));
    const auto state = store->load(0);
    REQUIRE(state->endpoints.size() == 1);
    CHECK(state->endpoints[0].colour == v1::GREEN);
    CHECK(state->endpoints[0].bindings.size() == 1);
}

TEST_CASE("an address has one owner: the last that was written") {
    const Directory directory;
    const auto store = open(directory);
    StoredEndpoint other = endpoint();
    other.id = "6f1c1f0e-0000-4000-8000-000000000002";
    other.index = 4;
    REQUIRE(store->write({endpoint(), other}));
    const auto state = store->load(0);
    CHECK(state->endpoints[0].bindings.empty());
    CHECK(state->endpoints[1].bindings.size() == 2);
}

TEST_CASE("a transaction that fails leaves nothing behind") {
    const Directory directory;
    const auto store = open(directory);
    StoredEndpoint broken = endpoint();
    broken.index = 0;  // not a slot
    const auto written = store->write({StoredToken{"hash", 1, 1}, broken});
    REQUIRE_FALSE(written);
    CHECK(written.error().message.find("cannot be written") != std::string::npos);
    CHECK(store->load(0)->tokens.empty());
    CHECK(store->write({endpoint()}));
}

TEST_CASE("a damaged database is refused and stays as it is") {
    const Directory directory;
    SECTION("not a database at all") {
        std::ofstream{directory.database()} << std::string(8192, 'x');
        const auto store = SqliteStore::open(directory.database());
        REQUIRE_FALSE(store);
        CHECK(store.error().message.find(directory.database() + ": the database cannot be used") == 0);
        CHECK(std::filesystem::file_size(directory.database()) == 8192);
    }
    SECTION("pages overwritten") {
        std::vector<StoreChange> many;
        for (unsigned number = 1; number < 300; ++number) {
            StoredEndpoint filler = endpoint();
            filler.id += std::to_string(number);
            filler.index = number;
            filler.bindings.clear();
            many.emplace_back(filler);
        }
        REQUIRE(open(directory)->write(many));
        std::fstream file{directory.database(), std::ios::in | std::ios::out | std::ios::binary};
        file.seekp(4096 * 3);
        file << std::string(4096 * 8, '\x5a');
        file.close();
        CHECK_FALSE(SqliteStore::open(directory.database()));
    }
    SECTION("made by a later version") {
        REQUIRE(open(directory));
        // user_version stands at offset 60 of the file's header, big-endian.
        std::fstream file{directory.database(), std::ios::in | std::ios::out | std::ios::binary};
        file.seekp(60);
        file.write("\0\0\0\11", 4);
        file.close();
        const auto store = SqliteStore::open(directory.database());
        REQUIRE_FALSE(store);
        CHECK(store.error().message.find("layout has version 9") != std::string::npos);
    }
}

TEST_CASE("the database is readable by its owner alone") {
    const Directory directory;
    open(directory);
    struct stat status {};
    REQUIRE(stat(directory.database().c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600U);
}

TEST_CASE("the writer keeps the order, tells when it is on disk, and tries again after a failure") {
    std::promise<void> first;
    std::promise<std::string> trouble;
    std::promise<std::string> over;
    int reports = 0;
    {
        StoreWriter writer{std::make_unique<FailingStore>(1), [](const std::function<void()>& run) { run(); },
                           [&](const std::string& sentence) { (reports++ == 0 ? trouble : over).set_value(sentence); }};
        writer.write({StoredToken{"a", 1, 1}}, [&] { first.set_value(); });
        CHECK(trouble.get_future().get() == "disk full");
        auto written = first.get_future();
        REQUIRE(written.wait_for(std::chrono::seconds{20}) == std::future_status::ready);
        CHECK(over.get_future().get().empty());
    }
}

TEST_CASE("what is queued when the writer ends is written") {
    const Directory directory;
    {
        StoreWriter writer{open(directory), [](const std::function<void()>& run) { run(); }, [](const std::string&) {}};
        for (unsigned number = 0; number < 100; ++number) {
            writer.write({StoredToken{std::to_string(number), number, 1}});
        }
    }
    CHECK(open(directory)->load(0)->tokens.size() == 100);
}
