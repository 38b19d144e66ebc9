// SPDX-License-Identifier: Apache-2.0
// The index alone, with hashes of the tests' own choice: many keys in one bucket, equal tags, equal hashes.
#include "dataplane/flow/key_index.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "tests/packet/flow/flow_fixture.h"

using namespace heartgate::dataplane;
using namespace heartgate::dataplane::test;

namespace {

// Keys 2n and 2n+1 lie side by side, with something else between the pairs.
struct Pair {
    std::array<FlowKey4, 2> keys;
    std::array<std::uint8_t, 96> other;
};
static_assert(sizeof(Pair) == KeyIndex<FlowKey4>::kStride);

struct IndexFixture {
    std::vector<Pair> pairs;
    KeyIndex<FlowKey4> index;

    explicit IndexFixture(std::uint32_t values)
        : pairs((started(), values / 2 + 1)), index{values, pairs[0].keys.data(), SOCKET_ID_ANY} {}
    // The values of the keys that are in.
    [[nodiscard]] std::array<std::optional<std::uint32_t>, 32> lookup(
        const std::array<FlowKey4, 32>& keys, const std::array<std::uint32_t, 32>& hashes) const {
        std::array<std::optional<std::uint32_t>, 32> results;
        index.lookup(
            32, [&](unsigned i) -> const FlowKey4& { return keys[i]; }, hashes.data(), [](std::uint32_t) {},
            [&](unsigned i, std::uint32_t value) { results[i] = value; }, [](unsigned) {});
        return results;
    }
    static bool started() {
        start_eal();
        return true;
    }
};

FlowKey4 key_number(std::uint32_t number) {
    FlowKey4 key;
    key.source = number;
    key.protocol = 17;
    return key;
}

}  // namespace

TEST_CASE("keys with one hash spill into overflow buckets, which come back once they are empty") {
    constexpr std::uint32_t kKeys = 200;
    constexpr std::uint32_t kHash = 0x1234abcd;
    IndexFixture fixture{kKeys};
    for (unsigned round = 0; round < 50; ++round) {
        for (std::uint32_t i = 0; i < kKeys; ++i) REQUIRE(fixture.index.add(key_number(i), kHash, i));
        for (std::uint32_t i = 0; i < kKeys; ++i) {
            std::uint32_t value = kKeys;
            REQUIRE(fixture.index.find(key_number(i), kHash, value));
            CHECK(value == i);
        }
        std::uint32_t value = 0;
        CHECK_FALSE(fixture.index.find(key_number(kKeys), kHash, value));
        std::vector<std::int32_t> slots;
        for (std::uint32_t i = 0; i < kKeys; ++i) {
            slots.push_back(fixture.index.remove(key_number((i * 7 + round) % kKeys), kHash));
        }
        CHECK(std::count(slots.begin(), slots.end(), KeyIndex<FlowKey4>::kNoSlot) == 200 - 24);  // 25 buckets of 8
        for (const std::int32_t slot : slots) fixture.index.free(slot);
        CHECK_FALSE(fixture.index.find(key_number(0), kHash, value));
    }
}

TEST_CASE("without an overflow bucket left a key is refused, and those that are in stay") {
    constexpr std::uint32_t kKeys = 2000;  // 501 buckets and 189 for overflow
    IndexFixture fixture{kKeys};
    std::uint32_t added = 0;
    while (added < kKeys && fixture.index.add(key_number(added), 1, added)) ++added;
    CHECK(added > 500);
    CHECK(added < kKeys);
    for (std::uint32_t i = 0; i < added; ++i) {
        std::uint32_t value = kKeys;
        REQUIRE(fixture.index.find(key_number(i), 1, value));
        CHECK(value == i);
    }
}

TEST_CASE("in any order of adding and removing, lookups say what a plain map says") {
    constexpr std::uint32_t kKeys = 512;
    IndexFixture fixture{kKeys};
    // Four buckets' worth of hashes, half of the keys with the same tag as another one, tag 0 among them.
    const auto hash_of = [](std::uint32_t number) { return (number % 4) << 30U | (number / 8 % 16); };
    std::map<std::uint32_t, std::uint32_t> model;  // key -> value
    std::vector<std::uint32_t> values(kKeys);
    for (std::uint32_t i = 0; i < kKeys; ++i) values[i] = i;
    std::mt19937 random{7};
    for (unsigned step = 0; step < 20'000; ++step) {
        const std::uint32_t number = random() % kKeys;
        if (const auto found = model.find(number); found != model.end()) {
            fixture.index.free(fixture.index.remove(key_number(number), hash_of(number)));
            values.push_back(found->second);
            model.erase(found);
        } else {
            const std::size_t chosen = random() % values.size();
            std::swap(values[chosen], values.back());
            REQUIRE(fixture.index.add(key_number(number), hash_of(number), values.back()));
            model[number] = values.back();
            values.pop_back();
        }
        std::array<FlowKey4, 32> keys;
        std::array<std::uint32_t, 32> hashes;
        const std::uint32_t start = random() % kKeys;
        for (std::uint32_t i = 0; i < 32; ++i) {
            keys[i] = key_number((start + i) % kKeys);
            hashes[i] = hash_of(keys[i].source);
        }
        const auto results = fixture.lookup(keys, hashes);
        for (std::uint32_t i = 0; i < 32; ++i) {
            const auto expected = model.find(keys[i].source);
            REQUIRE(results[i].has_value() == (expected != model.end()));
            if (expected != model.end()) REQUIRE(*results[i] == expected->second);
        }
    }
}

TEST_CASE("a reader finds every key that stays, while others come and go in the same buckets") {
    constexpr std::uint32_t kStay = 64;
    constexpr std::uint32_t kChange = 64;
    constexpr std::uint32_t kCycles = 100;  // between two grace periods, each with values of its own
    constexpr unsigned kRounds = 20;
    constexpr std::uint32_t kValues = kStay + kChange * kCycles;
    IndexFixture fixture{4 * kValues};  // with overflow buckets enough for those that wait for the grace period
    Quiescence quiescence{1};
    const auto hash_of = [](std::uint32_t number) { return (number % 2) << 31U | (number / 2 % 5); };
    const auto belongs = [](std::uint32_t value, std::uint32_t number) {
        return number < kStay ? value == number : value >= kStay && (value - kStay) % kChange == number - kStay;
    };
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> lookups{0};
    std::atomic<std::uint64_t> changing{0};
    std::uint64_t missed = 0;
    std::uint64_t wrong = 0;
    for (std::uint32_t i = 0; i < kStay; ++i) REQUIRE(fixture.index.add(key_number(i), hash_of(i), i));
    std::thread reader{[&] {
        quiescence.online(0);
        std::array<FlowKey4, 32> keys;
        std::array<std::uint32_t, 32> hashes;
        for (std::uint32_t start = 0; !stop; start = (start + 32) % (kStay + kChange)) {
            for (std::uint32_t i = 0; i < 32; ++i) {
                keys[i] = key_number(start + i);
                hashes[i] = hash_of(start + i);
            }
            const auto results = fixture.lookup(keys, hashes);
            for (std::uint32_t i = 0; i < 32; ++i) {
                if (start + i < kStay && !results[i]) ++missed;
                if (results[i] && !belongs(*results[i], start + i)) ++wrong;
                if (results[i] && start + i >= kStay) ++changing;
            }
            ++lookups;
            quiescence.quiescent(0);
        }
        quiescence.offline(0);
    }};
    const auto wait_for = [](const auto& condition) {
        while (!condition()) std::this_thread::yield();
    };
    wait_for([&] { return lookups > 0; });
    std::uint32_t refused = 0;
    for (unsigned round = 0; round < kRounds; ++round) {
        std::vector<std::int32_t> slots;
        for (std::uint32_t value = kStay; value < kValues; value += kChange) {
            for (std::uint32_t i = 0; i < kChange; ++i) {
                const std::uint32_t number = kStay + i;
                if (!fixture.index.add(key_number(number), hash_of(number), value + i)) ++refused;
            }
            for (std::uint32_t number = kStay; number < kStay + kChange; ++number) {
                slots.push_back(fixture.index.remove(key_number(number), hash_of(number)));
            }
        }
        const std::uint64_t token = quiescence.start();
        wait_for([&] { return quiescence.passed(token); });
        for (const std::int32_t slot : slots) fixture.index.free(slot);
    }
    // Once more, until the reader has seen some of them: it did look among those that come and go.
    for (std::uint32_t i = 0; i < kChange; ++i) {
        if (!fixture.index.add(key_number(kStay + i), hash_of(kStay + i), kStay + i)) ++refused;
    }
    wait_for([&] { return changing > 0 || refused > 0; });
    stop = true;
    reader.join();
    CHECK(missed == 0);
    CHECK(wrong == 0);
    CHECK(refused == 0);
}
