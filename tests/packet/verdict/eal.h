// SPDX-License-Identifier: Apache-2.0
// EAL without hugepages, devices or files, once per test program.
#pragma once

#include <pthread.h>
#include <rte_eal.h>
#include <rte_errno.h>

#include <array>
#include <stdexcept>
#include <string>

namespace heartgate::dataplane {

inline void start_eal() {
    static const bool started = [] {
        static std::string arguments[] = {"test",          "--no-huge",         "-m",
                                          "256",           "--no-pci",          "--no-shconf",
                                          "--lcores=0",    "--log-level=error", "--proc-type=primary",
                                          "--no-telemetry"};
        std::array<char*, std::size(arguments)> pointers{};
        for (std::size_t i = 0; i < pointers.size(); ++i) pointers[i] = arguments[i].data();
        // EAL pins the calling thread, and threads made later would share its core.
        cpu_set_t cores;
        pthread_getaffinity_np(pthread_self(), sizeof(cores), &cores);
        const bool ready = rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) >= 0;
        pthread_setaffinity_np(pthread_self(), sizeof(cores), &cores);
        return ready;
    }();
    if (!started) throw std::runtime_error{std::string{"rte_eal_init failed: "} + rte_strerror(rte_errno)};
}

}  // namespace heartgate::dataplane
