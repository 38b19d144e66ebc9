// SPDX-License-Identifier: Apache-2.0
// Under AddressSanitizer: a packet's buffer behind its last byte is out of bounds, so that a read beyond the frame is
// seen although the mempool's memory goes on. Without it, nothing.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEARTGATE_GUARDS_MBUFS
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HEARTGATE_GUARDS_MBUFS
#endif
#ifdef HEARTGATE_GUARDS_MBUFS
#include <sanitizer/asan_interface.h>
#endif

namespace heartgate::dataplane::test {

inline void guard_tail([[maybe_unused]] const rte_mbuf* packet) {
#ifdef HEARTGATE_GUARDS_MBUFS
    auto* buffer = static_cast<std::uint8_t*>(packet->buf_addr);
    const std::uint32_t end = std::uint32_t{packet->data_off} + packet->data_len;
    __asan_poison_memory_region(buffer + end, packet->buf_len - end);
#endif
}

// Buffers that are free again may be taken by the code under test for packets of its own.
inline void unguard_all([[maybe_unused]] rte_mempool* pool) {
#ifdef HEARTGATE_GUARDS_MBUFS
    const auto unguard = [](rte_mempool*, void*, void* object, unsigned) {
        const auto* packet = static_cast<const rte_mbuf*>(object);
        __asan_unpoison_memory_region(packet->buf_addr, packet->buf_len);
    };
    rte_mempool_obj_iter(pool, unguard, nullptr);
#endif
}

}  // namespace heartgate::dataplane::test
