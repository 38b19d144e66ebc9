// SPDX-License-Identifier: Apache-2.0
// Frames as text and back. Input: "10.0.0.10:5000 > 203.0.113.7:53 udp ttl 1"; a packet that came out is described in
// the same words, with everything that is wrong about it (checksums, padding) in capitals behind.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "dataplane/packet/address.h"

namespace heartgate::dataplane::test {

using Bytes = std::vector<std::uint8_t>;
using Words = std::vector<std::string>;

// `port_of`: what a port word that is no number ("nat") stands for. Throws std::invalid_argument on words it does not
// know. The first words are source, ">", destination and kind; the rest changes what was built:
//   ttl N, payload N, syn|ack|syn-ack|fin|rst|flags N, seq N, ack-number N (TCP), df, no-checksum (UDP),
//   vlan N, priority-tag, tag-in-tag, ether-type N, pad N, cut N (bytes left), trailing N,
//   bad-checksum, version N, header-length N, total N, fragment, later-fragment, option N, hop-by-hop N,
//   destination-options N, routing-type N, fragment-header, header-order, udp-length N, data-offset N,
//   from N to N id N (a fragment: these bytes of the payload; offset N, more: another offset, never the last one),
//   bad-upper-checksum, mss N (TCP), nops N (before it)
//   ARP: operation N; neighbour discovery: target ADDRESS, solicited, no-link-address, option-length N; both say the
//   frame's own MAC, or 02:00:00:00:00:N with link-address N.
// An ICMP error (unreachable, too-big, time-exceeded, parameter-problem; code N, next-mtu N, quoted-bytes N) ends with
// "quoting PACKET", the words of the packet that it is about.
Bytes build_frame(const MacAddress& destination, const MacAddress& source, const Words& words,
                  const std::function<std::uint16_t(const std::string&)>& port_of);

// "10.0.0.10:5000 > 203.0.113.7:53 udp ttl 63". `port_name`: how to call a port of an address, "" for its number.
using PortName = std::function<std::string(const std::string& address, std::uint16_t port)>;
std::string describe(const Bytes& frame, const PortName& port_name);

MacAddress frame_destination(const Bytes& frame);
MacAddress frame_source(const Bytes& frame);
// 0: not TCP, UDP or echo with that address as source.
std::uint16_t source_port_of(const Bytes& frame, const IpAddress& source);

}  // namespace heartgate::dataplane::test
