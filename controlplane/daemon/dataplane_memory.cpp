// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/dataplane_memory.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memzone.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <sched.h>

#include <array>
#include <vector>

namespace heartgate::control {
namespace {

class PrimaryMemory : public MessageRings {
public:
    PrimaryMemory(rte_ring* health, rte_ring* sync, contract::SharedState* shared)
        : health_{health}, sync_{sync}, shared_{shared} {}

    bool put_health(const contract::HealthMessage& message) override { return put(health_, message); }
    bool put_sync(const contract::HealthMessage& message) override { return put(sync_, message); }
    std::uint64_t applied_sequence() const override {
        return shared_->applied_sequence.load(std::memory_order_acquire);
    }
    std::uint64_t applied_ns() const override { return shared_->applied_ns.load(std::memory_order_acquire); }
    std::uint32_t incarnation() const override { return shared_->incarnation.load(std::memory_order_acquire); }
    std::uint32_t synced_incarnation() const override {
        return shared_->synced_incarnation.load(std::memory_order_acquire);
    }
    contract::DataplaneState state() const override {
        return static_cast<contract::DataplaneState>(shared_->state.load(std::memory_order_acquire));
    }
    std::uint64_t failed_binds() const override { return shared_->failed_binds.load(std::memory_order_acquire); }

private:
    bool put(rte_ring* ring, const contract::HealthMessage& message) {
        contract::HealthMessage copy = message;
        if (rte_ring_sp_enqueue_elem(ring, &copy, sizeof(copy)) != 0) return false;
        shared_->doorbells[0].ring();
        return true;
    }

    rte_ring* health_;
    rte_ring* sync_;
    contract::SharedState* shared_;
};

int initialise(const std::string& file_prefix) {
    cpu_set_t affinity;
    CPU_ZERO(&affinity);
    sched_getaffinity(0, sizeof(affinity), &affinity);
    int cpu = 0;
    while (cpu + 1 < CPU_SETSIZE && !CPU_ISSET(static_cast<unsigned>(cpu), &affinity)) ++cpu;
    std::vector<std::string> texts{
        "heartgated", "--proc-type=secondary", "--file-prefix=" + file_prefix, "-l", std::to_string(cpu),
        "--no-pci",   "--no-telemetry",        "--log-level=warning"};
    std::vector<char*> arguments;
    for (std::string& text : texts) arguments.push_back(text.data());
    const int result = rte_eal_init(static_cast<int>(arguments.size()), arguments.data());
    const int failure = rte_errno;
    sched_setaffinity(0, sizeof(affinity), &affinity);
    return result < 0 ? failure : 0;
}

}  // namespace

bool primary_alive(const std::string& file_prefix) {
    const std::string config = fmt::format("/var/run/dpdk/{}/config", file_prefix);
    return rte_eal_primary_proc_alive(config.c_str()) == 1;
}

Expected<std::unique_ptr<MessageRings>> attach_to_primary(const std::string& file_prefix) {
    if (const int failure = initialise(file_prefix); failure != 0) {
        return error(ErrorKind::kUnavailable,
                     fmt::format("cannot attach to the dataplane's memory (file prefix '{}'): {}", file_prefix,
                                 rte_strerror(failure)));
    }
    rte_ring* health = rte_ring_lookup(contract::kHealthRing);
    rte_ring* sync = rte_ring_lookup(contract::kSyncRing);
    const rte_memzone* zone = rte_memzone_lookup(contract::kSharedState);
    if (health == nullptr || sync == nullptr || zone == nullptr || zone->len < sizeof(contract::SharedState)) {
        return error(ErrorKind::kUnavailable,
                     fmt::format("the DPDK process with file prefix '{}' has no rings of Heartgate: is it "
                                 "heartgate-dataplane, and of the same version?",
                                 file_prefix));
    }
    auto* shared = static_cast<contract::SharedState*>(zone->addr);
    if (shared->contract_version != contract::kContractVersion) {
        return error(ErrorKind::kUnavailable,
                     fmt::format("the dataplane speaks contract version {}, this program {}: install the same version "
                                 "of both",
                                 shared->contract_version, contract::kContractVersion));
    }
    return std::make_unique<PrimaryMemory>(health, sync, shared);
}

}  // namespace heartgate::control
