// SPDX-License-Identifier: Apache-2.0
// Who gets which signal. net_tap raises real-time signals and SIGIO in the process whenever packets arrive: only
// threads that poll may get them, since they interrupt system calls in all others. SIGTERM and SIGINT go to the control
// loop alone.
#pragma once

#include <signal.h>

namespace heartgate::dataplane {

[[nodiscard]] inline sigset_t packet_signals() noexcept {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) sigaddset(&set, number);
    return set;
}

[[nodiscard]] inline sigset_t end_signals() noexcept {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

// First thing in main(): threads that start later, EAL's included, inherit it.
inline void block_signals() noexcept {
    const sigset_t packets = packet_signals();
    const sigset_t ends = end_signals();
    pthread_sigmask(SIG_BLOCK, &packets, nullptr);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);
    signal(SIGPIPE, SIG_IGN);
}

// On a worker's thread.
inline void unblock_packet_signals() noexcept {
    const sigset_t packets = packet_signals();
    pthread_sigmask(SIG_UNBLOCK, &packets, nullptr);
}

}  // namespace heartgate::dataplane
