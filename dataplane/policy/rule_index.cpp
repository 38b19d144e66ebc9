// SPDX-License-Identifier: Apache-2.0
// Patterns as fields of rte_acl: one byte first, then groups of four bytes, as it demands. Never with its max_size,
// which makes it try many layouts: 21 s and 2.7 GB for ten thousand rules. Without it the layouts it tries are few and
// their nodes bounded, and it gives up where rules would need more: ten thousand whose networks and ports are random
// take 1 to 3 s and, until it is done, up to 700 MB.
#include "dataplane/policy/rule_index.h"

#include <fmt/format.h>
#include <rte_acl.h>

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "dataplane/policy/gate.h"

namespace heartgate::dataplane {

namespace {

using Error = tl::unexpected<std::string>;

// What a trie reads: addresses and port in network order, zones as Zone::raw().
template <std::size_t Words>
struct alignas(4) Input {
    std::uint8_t protocol = 0;
    std::array<std::uint8_t, 3> padding{};
    std::array<std::uint32_t, Words> source{};
    std::array<std::uint32_t, Words> destination{};
    std::uint16_t port = 0;
    std::uint8_t from_zone = 0;
    std::uint8_t to_zone = 0;
};
using Input4 = Input<1>;
using Input6 = Input<4>;
static_assert(sizeof(Input4) == 16 && sizeof(Input6) == 40);

template <std::size_t Words>
constexpr std::size_t kFields = 2 * Words + 4;

template <std::size_t Words>
struct Entry {
    rte_acl_rule_data data;
    std::array<rte_acl_field, kFields<Words>> field;
};
static_assert(sizeof(Entry<1>) == RTE_ACL_RULE_SZ(kFields<1>) && sizeof(Entry<4>) == RTE_ACL_RULE_SZ(kFields<4>));

template <std::size_t Words>
rte_acl_config layout() {
    using In = Input<Words>;
    rte_acl_config config{};
    config.num_categories = 1;
    config.num_fields = kFields<Words>;
    std::uint8_t group = 0;
    std::uint8_t index = 0;
    const auto add = [&](std::uint8_t type, std::uint8_t size, std::size_t offset) {
        config.defs[index] = {.type = type,
                              .size = size,
                              .field_index = index,
                              .input_index = group,
                              .offset = static_cast<std::uint32_t>(offset)};
        ++index;
    };
    add(RTE_ACL_FIELD_TYPE_BITMASK, 1, offsetof(In, protocol));
    for (const std::size_t address : {offsetof(In, source), offsetof(In, destination)}) {
        for (std::size_t word = 0; word < Words; ++word) {
            ++group;
            add(RTE_ACL_FIELD_TYPE_MASK, 4, address + 4 * word);
        }
    }
    ++group;
    add(RTE_ACL_FIELD_TYPE_RANGE, 2, offsetof(In, port));
    add(RTE_ACL_FIELD_TYPE_BITMASK, 1, offsetof(In, from_zone));
    add(RTE_ACL_FIELD_TYPE_BITMASK, 1, offsetof(In, to_zone));
    return config;
}

template <std::size_t Words>
void set_network(const Network* network, rte_acl_field* field) {
    for (std::size_t word = 0; word < Words; ++word) {
        const std::size_t at = Words == 1 ? 3 : word;  // an IPv4 address is the last quarter of a mapped one
        field[word].value.u32 = network == nullptr ? 0 : network->word(at);
        field[word].mask_range.u32 =
            network == nullptr ? 0U : static_cast<std::uint32_t>(std::popcount(network->mask_word(at)));
    }
}

void set_zone(const std::optional<Zone>& zone, rte_acl_field& field) {
    field.value.u8 = zone ? zone->raw() : std::uint8_t{0};
    field.mask_range.u8 = zone ? std::uint8_t{0xff} : std::uint8_t{0};
}

// Networks of the family that a trie is for; nullptr stands for any. None: the pattern is for the other family.
std::vector<const Network*> of_family(std::span<const Network> networks, bool ipv4) {
    if (networks.empty()) return {nullptr};
    std::vector<const Network*> some;
    for (const Network& network : networks) {
        if (network.ipv4() == ipv4) some.push_back(&network);
    }
    return some;
}

template <std::size_t Words>
struct Entries {
    std::vector<Entry<Words>> list;

    // False: too many.
    [[nodiscard]] bool add(const RuleIndex::Pattern& pattern, std::uint32_t position, std::size_t patterns) {
        static constexpr Service kAny{};
        const std::span<const Service> services =
            pattern.services.empty() ? std::span<const Service>{&kAny, 1} : pattern.services;
        const auto sources = of_family(pattern.from, Words == 1);
        const auto destinations = of_family(pattern.to, Words == 1);
        if (sources.size() * destinations.size() * services.size() > RuleIndex::kMostEntries - list.size()) {
            return false;
        }
        for (const Network* source : sources) {
            for (const Network* destination : destinations) {
                for (const Service& service : services) {
                    Entry<Words>& entry = list.emplace_back();
                    entry.data = {.category_mask = 1,
                                  .priority = static_cast<std::int32_t>(patterns + 1 - position),
                                  .userdata = position};
                    rte_acl_field* field = entry.field.data();
                    field->value.u8 = service.protocol;
                    field->mask_range.u8 = service.protocol == 0 ? 0 : 0xff;
                    set_network<Words>(source, field + 1);
                    set_network<Words>(destination, field + 1 + Words);
                    field += 1 + 2 * Words;
                    field[0].value.u16 = service.port_from;
                    field[0].mask_range.u16 = service.port_to;
                    set_zone(pattern.from_zone, field[1]);
                    set_zone(pattern.to_zone, field[2]);
                }
            }
        }
        return true;
    }
};

std::string next_name() {
    static std::atomic<std::uint32_t> made{0};  // rte_acl_create() gives an existing one of the same name
    return fmt::format("hg_rules_{}", made.fetch_add(1, std::memory_order_relaxed));
}

// Null: too large for the memory, or for rte_acl.
template <std::size_t Words>
rte_acl_ctx* make_trie(const std::vector<Entry<Words>>& entries) {
    const std::string name = next_name();
    const rte_acl_param parameters{.name = name.c_str(),
                                   .socket_id = -1,  // SOCKET_ID_ANY
                                   .rule_size = sizeof(Entry<Words>),
                                   .max_rule_num = static_cast<std::uint32_t>(entries.size())};
    rte_acl_ctx* trie = rte_acl_create(&parameters);
    if (trie == nullptr) return nullptr;
    const auto* rules = reinterpret_cast<const rte_acl_rule*>(entries.data());
    const rte_acl_config config = layout<Words>();
    if (rte_acl_add_rules(trie, rules, static_cast<std::uint32_t>(entries.size())) == 0 &&
        rte_acl_build(trie, &config) == 0) {
        return trie;
    }
    rte_acl_free(trie);
    return nullptr;
}

template <std::size_t Words>
tl::expected<rte_acl_ctx*, std::string> build_family(const std::vector<RuleIndex::Pattern>& patterns) {
    constexpr const char* kFamily = Words == 1 ? "IPv4" : "IPv6";
    Entries<Words> entries;
    for (std::size_t i = 0; i < patterns.size(); ++i) {
        if (!entries.add(patterns[i], static_cast<std::uint32_t>(i + 1), patterns.size())) {
            return Error{fmt::format(
                "entry {}: more than {} combinations of networks and services for {} up to here; allowed: {} in all",
                i + 1, RuleIndex::kMostEntries, kFamily, RuleIndex::kMostEntries)};
        }
    }
    if (entries.list.empty()) return nullptr;
    rte_acl_ctx* trie = make_trie<Words>(entries.list);
    if (trie == nullptr) {
        return Error{
            fmt::format("the {} combinations of networks and services for {} are too many and too different for an "
                        "index, or do not "
                        "fit into the memory; use fewer or wider ones, or raise dpdk.memory_mb",
                        entries.list.size(), kFamily)};
    }
    return trie;
}

template <std::size_t Words>
std::uint32_t classify(const rte_acl_ctx* trie, const Question& question) noexcept {
    Input<Words> input;
    input.protocol = question.protocol;
    constexpr std::size_t kSkip = 16 - 4 * Words;
    std::memcpy(input.source.data(), question.source.bytes.data() + kSkip, 4 * Words);
    std::memcpy(input.destination.data(), question.destination.bytes.data() + kSkip, 4 * Words);
    input.port = __builtin_bswap16(question.destination_port);
    input.from_zone = question.from.raw();
    input.to_zone = question.to.raw();
    const auto* data = reinterpret_cast<const std::uint8_t*>(&input);
    std::uint32_t position = 0;
    return rte_acl_classify(trie, &data, &position, 1, 1) == 0 ? position : 0;
}

}  // namespace

void RuleIndex::Free::operator()(rte_acl_ctx* trie) const noexcept { rte_acl_free(trie); }

tl::expected<RuleIndex, std::string> RuleIndex::build(const std::vector<Pattern>& patterns) {
    RuleIndex index;
    const auto four = build_family<1>(patterns);
    if (!four) return Error{four.error()};
    index.ipv4_.reset(*four);
    const auto six = build_family<4>(patterns);
    if (!six) return Error{six.error()};
    index.ipv6_.reset(*six);
    return index;
}

std::uint32_t RuleIndex::first(const Question& question) const noexcept {
    const bool ipv4 = question.source.is_ipv4();
    if (question.destination.is_ipv4() != ipv4) return 0;
    const rte_acl_ctx* trie = (ipv4 ? ipv4_ : ipv6_).get();
    if (trie == nullptr) return 0;
    return ipv4 ? classify<1>(trie, question) : classify<4>(trie, question);
}

}  // namespace heartgate::dataplane
