// SPDX-License-Identifier: Apache-2.0
// See the header.
#include "dataplane/nat/icmp_translation.h"

#include <netinet/in.h>

#include "dataplane/nat/checksum_delta.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"

namespace heartgate::dataplane {

namespace {

// Writes fields at even offsets and adds up what that does to a checksum over them.
class Patch {
public:
    template <class Value>
    std::uint16_t write(std::uint8_t* at, Value value) noexcept {
        const std::uint16_t delta = checksum_delta(load_raw<Value>(at), value);
        store_raw(at, value);
        delta_ = add_deltas(delta_, delta);
        return delta;
    }
    void adjust(std::uint8_t* checksum, std::uint16_t delta) noexcept {
        write(checksum, apply_delta(load_raw<std::uint16_t>(checksum), delta));
    }
    [[nodiscard]] std::uint16_t delta() const noexcept { return delta_; }

private:
    std::uint16_t delta_ = 0;
};

// The quoted upper layer: port and checksum, as far as they are quoted. `addresses`: what the change of the address
// adds to a checksum with a pseudo header.
void patch_transport(Patch& patch, std::span<std::uint8_t> upper, std::uint8_t protocol, bool destination,
                     std::uint16_t port, std::uint16_t addresses) noexcept {
    std::size_t checksum = 0;
    std::size_t port_at = destination ? 2 : 0;
    switch (protocol) {
        case IPPROTO_TCP:
            checksum = tcp_header::kChecksum;
            break;
        case IPPROTO_UDP:
            checksum = udp_header::kChecksum;
            break;
        default:
            checksum = icmp::kChecksum;
            port_at = icmp::kIdentifier;
            addresses = 0;
            break;
    }
    const std::uint16_t ports = patch.write(&upper[port_at], port);
    if (upper.size() < checksum + 2) return;  // RFC 792: only the first 8 bytes need be quoted
    if (protocol == IPPROTO_UDP && load_raw<std::uint16_t>(&upper[checksum]) == 0) return;  // RFC 768: there is none
    patch.adjust(&upper[checksum], add_deltas(addresses, ports));
}

}  // namespace

void translate_icmp_error(std::uint8_t* ip, std::span<std::uint8_t> message, std::uint8_t protocol,
                          std::uint16_t transport, const IcmpTranslation& translation) noexcept {
    const std::span<std::uint8_t> quoted = message.subspan(icmp::kLength);
    const bool destination = translation.source;
    Patch inner;
    const std::uint16_t addresses =
        inner.write(&quoted[destination ? ipv4::kDestination : ipv4::kSource], translation.address);
    inner.adjust(&quoted[ipv4::kChecksum], addresses);
    patch_transport(inner, quoted.subspan(transport), protocol, destination, translation.port, addresses);
    std::uint8_t* checksum = &message[icmp::kChecksum];
    store_raw(checksum, apply_delta(load_raw<std::uint16_t>(checksum), inner.delta()));

    Patch outer;
    outer.write(ip + (translation.source ? ipv4::kSource : ipv4::kDestination), translation.address);
    std::uint8_t* header = ip + ipv4::kChecksum;
    store_raw(header, apply_delta(load_raw<std::uint16_t>(header), outer.delta()));
}

}  // namespace heartgate::dataplane
