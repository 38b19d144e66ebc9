// SPDX-License-Identifier: Apache-2.0
// KernelPath over TAP devices: per worker and zone one ring from Linux and one per PuntQueue to it (single producer,
// single consumer), and one thread that copies between rings and descriptors. Workers make no system call: the thread
// polls the rings.
#pragma once

#include <rte_mempool.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/contract/doorbell.h"
#include "dataplane/kernel/kernel_path.h"
#include "dataplane/kernel/tap_device.h"

namespace heartgate::dataplane {

struct TapKernelPathOptions {
    std::vector<TapOptions> taps;  // at most one per zone; a zone without one punts nothing
    unsigned workers = 1;
    std::uint32_t ring_size = 1024;           // packets per ring; a power of two
    contract::Doorbell* doorbells = nullptr;  // of the workers, rung when Linux sends; may be null
    rte_mempool* pool = nullptr;              // for frames that Linux sends; data room for the MTU
    std::string name = "kernel-path";         // prefix of ring names, unique in the process
};

// What the thread has counted; any thread may read.
struct KernelPathCounters {
    std::uint64_t to_kernel = 0;
    std::uint64_t to_kernel_failed = 0;  // Linux took it not (device down, out of memory)
    std::uint64_t from_kernel = 0;
    std::uint64_t from_kernel_full = 0;  // worker's ring full, or no mbuf
    std::uint64_t resolved = 0;          // neighbours asked for
};

class TapKernelPath final : public KernelPath {
public:
    // Makes the devices (see TapDevice: throws std::runtime_error) and starts the thread as an EAL control thread.
    explicit TapKernelPath(const TapKernelPathOptions& options);
    // Ends the thread, frees what is in the rings. The devices stay up. Workers must have ended.
    ~TapKernelPath() override;
    TapKernelPath(const TapKernelPath&) = delete;
    TapKernelPath& operator=(const TapKernelPath&) = delete;

    [[nodiscard]] bool punt(unsigned worker, Zone zone, PuntQueue queue, Permit permit,
                            rte_mbuf* packet) noexcept override;
    [[nodiscard]] std::uint16_t take(unsigned worker, Zone zone, rte_mbuf** packets,
                                     std::uint16_t most) noexcept override;
    void resolve(unsigned worker, Zone zone, const IpAddress& address) noexcept override;

    [[nodiscard]] int interface_index(Zone zone) const noexcept;  // 0: no TAP
    [[nodiscard]] KernelPathCounters counters() const noexcept;

private:
    struct Thread;
    std::unique_ptr<Thread> thread_;
};

}  // namespace heartgate::dataplane
