// SPDX-License-Identifier: Apache-2.0
// For a dataplane without a kernel on the other side (between two net_memif ports): nothing is punted, nothing comes.
#pragma once

#include "dataplane/kernel/kernel_path.h"

namespace heartgate::dataplane {

class NoKernelPath final : public KernelPath {
public:
    [[nodiscard]] bool punt(unsigned, Zone, PuntQueue, Permit, rte_mbuf*) noexcept override { return false; }
    [[nodiscard]] std::uint16_t take(unsigned, Zone, rte_mbuf**, std::uint16_t) noexcept override { return 0; }
    void resolve(unsigned, Zone, const IpAddress&) noexcept override {}
};

}  // namespace heartgate::dataplane
