// SPDX-License-Identifier: Apache-2.0
// The two keys of a flow, made from its initiator's tuple: as a packet of each direction arrives at the gateway.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>
#include <type_traits>

#include "dataplane/flow/flow_key.h"
#include "dataplane/flow/flow_record.h"
#include "dataplane/policy/gate.h"

namespace heartgate::dataplane {

inline void set_address(std::uint32_t& field, const IpAddress& address) noexcept { field = address.ipv4(); }
inline void set_address(std::array<std::uint8_t, 16>& field, const IpAddress& address) noexcept {
    field = address.bytes;
}
[[nodiscard]] constexpr bool is_icmp(std::uint8_t protocol) noexcept {
    return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

// `Key` is FlowKey4 or FlowKey6, as the question's addresses are.
template <class Key>
[[nodiscard]] Key forward_key(const Question& question, std::uint16_t vlan) noexcept {
    Key key;
    set_address(key.source, question.source);
    const bool redirected = question.redirect != Redirect::kNone;
    const std::uint16_t port = redirected ? question.asked_port : question.destination_port;
    set_address(key.destination, redirected ? question.asked : question.destination);
    key.source_port = htons(question.source_port);
    key.destination_port = is_icmp(question.protocol) ? std::uint16_t{0} : htons(port);
    key.protocol = question.protocol;
    key.port = question.from.raw();
    key.vlan = vlan;
    return key;
}

// As the packets go on, once their destination is the one that really gets them.
[[nodiscard]] inline FlowKey4 redirected_key(FlowKey4 key, const Question& question) noexcept {
    if (question.redirect == Redirect::kNone) return key;
    key.destination = question.destination.ipv4();
    key.destination_port = htons(question.destination_port);
    return key;
}

// Of the answers to packets with this key, as long as nothing is translated. `from`, `vlan`: on which they arrive.
template <class Key>
[[nodiscard]] Key answer_key(const Key& key, Zone from, std::uint16_t vlan) noexcept {
    Key answer;
    answer.source = key.destination;
    answer.destination = key.source;
    answer.source_port = key.destination_port;
    answer.destination_port = key.source_port;
    answer.protocol = key.protocol;
    answer.port = from.raw();
    answer.vlan = vlan;
    return answer;
}

template <class Key>
[[nodiscard]] Key reply_key(const FlowRecord& record) noexcept {
    if constexpr (std::is_same_v<Key, FlowKey4>) {
        return record.key4(Direction::kReply);
    } else {
        return answer_key(forward_key<Key>(record.question(), 0), record.from(Direction::kReply),
                          record.vlan(Direction::kReply));
    }
}

}  // namespace heartgate::dataplane
