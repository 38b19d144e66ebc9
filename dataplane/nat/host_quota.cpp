// SPDX-License-Identifier: Apache-2.0
// See the header.
#include "dataplane/nat/host_quota.h"

#include <bit>

namespace heartgate::dataplane {

HostQuota::HostQuota(std::uint32_t most, std::uint32_t hosts, const KeyHash& hash, std::pmr::memory_resource* memory)
    : most_{most}, room_{hosts}, hash_{hash}, slots_(most == 0 ? 1 : std::bit_ceil(std::size_t{hosts} * 2), memory) {}

std::uint32_t HostQuota::home(std::uint32_t address) const noexcept {
    FlowKey4 key;
    key.source = address;
    key.port = 0xfe;  // no flow key has this one
    return hash_(key) & static_cast<std::uint32_t>(slots_.size() - 1);
}

// Where `address` is, or the empty slot where it would go.
std::uint32_t HostQuota::find(std::uint32_t address) const noexcept {
    std::uint32_t slot = home(address);
    while (slots_[slot].mappings != 0 && slots_[slot].address != address) {
        slot = (slot + 1) & static_cast<std::uint32_t>(slots_.size() - 1);
    }
    return slot;
}

bool HostQuota::take(std::uint32_t address) noexcept {
    if (most_ == 0) return true;
    Host& host = slots_[find(address)];
    if (host.mappings == most_) return false;
    if (host.mappings == 0) {
        if (room_ == 0) return false;
        --room_;
        host.address = address;
    }
    ++host.mappings;
    return true;
}

void HostQuota::give(std::uint32_t address) noexcept {
    if (most_ == 0) return;
    const std::uint32_t slot = find(address);
    if (--slots_[slot].mappings > 0) return;
    ++room_;
    erase(slot);
}

// Deletion by moving back what would not be found past the gap (Knuth, volume 3, 6.4, algorithm R).
void HostQuota::erase(std::uint32_t slot) noexcept {
    const auto mask = static_cast<std::uint32_t>(slots_.size() - 1);
    std::uint32_t gap = slot;
    for (std::uint32_t next = (slot + 1) & mask; slots_[next].mappings != 0; next = (next + 1) & mask) {
        if (((next - home(slots_[next].address)) & mask) >= ((next - gap) & mask)) {
            slots_[gap] = slots_[next];
            gap = next;
        }
    }
    slots_[gap] = Host{};
}

}  // namespace heartgate::dataplane
