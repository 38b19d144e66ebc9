// SPDX-License-Identifier: Apache-2.0
#include "dataplane/flow/key_hash.h"

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

using namespace heartgate::dataplane;

namespace {

KeyHash::Secret secret(std::uint8_t seed) {
    KeyHash::Secret made;
    for (std::size_t i = 0; i < made.size(); ++i)
        made[i] = static_cast<std::uint8_t>(std::size_t{seed} * 31 + i * 73 + i * i);
    return made;
}

// Mean number of output bits that change with one input bit, over all input bits.
template <class Key>
double mean_change(const KeyHash& hash) {
    Key key;
    const std::uint32_t before = hash(key);
    unsigned changed = 0;
    for (std::size_t bit = 0; bit < sizeof(Key) * 8; ++bit) {
        std::array<unsigned char, sizeof(Key)> bytes;
        std::memcpy(bytes.data(), &key, sizeof(Key));
        bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] ^ (1U << (bit % 8)));
        Key flipped;
        std::memcpy(&flipped, bytes.data(), sizeof(Key));
        changed += static_cast<unsigned>(std::popcount(before ^ hash(flipped)));
    }
    return double(changed) / double(sizeof(Key) * 8);
}

}  // namespace

TEST_CASE("the same key hashes differently under another secret, and the same under the same") {
    const KeyHash one{secret(1)};
    const KeyHash again{secret(1)};
    const KeyHash two{secret(2)};
    FlowKey4 four;
    FlowKey6 six;
    unsigned different = 0;
    for (std::uint32_t i = 0; i < 1000; ++i) {
        four.source = i;
        six.source[0] = static_cast<std::uint8_t>(i);
        six.vlan = static_cast<std::uint16_t>(i);
        REQUIRE(one(four) == again(four));
        REQUIRE(one(six) == again(six));
        different += static_cast<unsigned>(one(four) != two(four)) + static_cast<unsigned>(one(six) != two(six));
    }
    CHECK(different >= 1999);
    CHECK(KeyHash{}(four) != KeyHash{}(four));  // fails by chance once in 2^32 runs
}

TEST_CASE("every byte of a key counts, and half of the hash's bits change with it") {
    const KeyHash hash{secret(3)};
    CHECK(mean_change<FlowKey4>(hash) == Approx(16).margin(1.5));
    CHECK(mean_change<FlowKey6>(hash) == Approx(16).margin(1.5));
}

TEST_CASE("neighbouring tuples spread evenly over buckets, by high and by low bits") {
    const KeyHash hash{secret(4)};
    constexpr std::size_t kBuckets = 1024;
    constexpr std::uint32_t kKeys = 64 * kBuckets;
    std::vector<unsigned> low(kBuckets);
    std::vector<unsigned> high(kBuckets);
    FlowKey4 key{.source = 0x0a000001, .destination = 0x08080808, .destination_port = 53, .protocol = 17};
    for (std::uint32_t i = 0; i < kKeys; ++i) {
        key.source_port = static_cast<std::uint16_t>(i);
        key.source = 0x0a000001 + (i >> 16U);
        const std::uint32_t value = hash(key);
        ++low[value % kBuckets];
        ++high[value >> 22U];
    }
    // 64 expected, standard deviation 8.
    for (const auto* buckets : {&low, &high}) {
        CHECK(*std::max_element(buckets->begin(), buckets->end()) < 64 + 6 * 8);
        CHECK(*std::min_element(buckets->begin(), buckets->end()) > 64 - 6 * 8);
    }
}

TEST_CASE("a burst hashes as its keys do one by one") {
    const KeyHash hash{secret(5)};
    std::array<FlowKey4, 32> keys;
    std::array<std::uint32_t, 32> hashes;
    for (std::uint32_t i = 0; i < 32; ++i) keys[i].source = i;
    hash.burst(
        32, [&](unsigned i) -> const FlowKey4& { return keys[i]; }, hashes.data());
    for (std::size_t i = 0; i < 32; ++i) CHECK(hashes[i] == hash(keys[i]));
}
