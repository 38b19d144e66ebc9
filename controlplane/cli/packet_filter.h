// SPDX-License-Identifier: Apache-2.0
// Filter expressions of tcpdump and Wireshark's capture filters, compiled by libpcap for the dataplane.
#pragma once

#include <string>

#include "controlplane/common/error.h"
#include "heartgate/v1/observation.pb.h"

namespace heartgate::control::cli {

// See pcap-filter(7); names of hosts are looked up. Frames with a VLAN tag match, too, unless the expression speaks of
// tags itself. Empty: all packets.
[[nodiscard]] Expected<v1::PacketFilter> compile_filter(const std::string& expression);

}  // namespace heartgate::control::cli
