// SPDX-License-Identifier: Apache-2.0
// DPDK's hugepage heap as a std::pmr memory resource, for tables that are reserved at start and read at random.
#pragma once

#include <rte_malloc.h>

#include <memory_resource>
#include <new>

namespace heartgate::dataplane {

class DpdkMemory final : public std::pmr::memory_resource {
public:
    explicit DpdkMemory(int socket) noexcept : socket_{socket} {}

private:
    void* do_allocate(std::size_t bytes, std::size_t alignment) override {
        void* memory = rte_malloc_socket("flow_table", bytes, static_cast<unsigned>(alignment), socket_);
        if (memory == nullptr) throw std::bad_alloc{};
        return memory;
    }
    void do_deallocate(void* memory, std::size_t /*bytes*/, std::size_t /*alignment*/) override { rte_free(memory); }
    [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
        return dynamic_cast<const DpdkMemory*>(&other) != nullptr;  // there is one heap to give back to
    }

    int socket_;
};

}  // namespace heartgate::dataplane
