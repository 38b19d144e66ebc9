// SPDX-License-Identifier: Apache-2.0
#include "dataplane/port/eal.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

#include "dataplane/port/instance.h"
#include "dataplane/port/port.h"

namespace heartgate::dataplane {
namespace {

std::uint64_t meminfo(const std::string& name) {
    std::ifstream file{"/proc/meminfo"};
    std::string key;
    std::uint64_t value = 0;
    for (std::string rest; file >> key >> value; std::getline(file, rest)) {
        if (key == name + ":") return value;
    }
    return 0;
}

bool hugetlbfs_is_mounted() {
    std::ifstream mounts{"/proc/mounts"};
    std::string device;
    std::string path;
    std::string type;
    for (std::string rest; mounts >> device >> path >> type; std::getline(mounts, rest)) {
        if (type == "hugetlbfs") return true;
    }
    return false;
}

std::string why_not_started(const Config& config, int error) {
    if (config.dpdk.hugepages) {
        const std::uint64_t page_mb = meminfo("Hugepagesize") / 1024;
        const std::uint64_t free_mb = meminfo("HugePages_Free") * page_mb;
        const std::uint64_t total = meminfo("HugePages_Total");
        if (!hugetlbfs_is_mounted()) {
            return "hugepages are not mounted; run: mount -t hugetlbfs nodev /dev/hugepages";
        }
        if (free_mb < config.dpdk.memory_mb && page_mb > 0) {
            const std::uint64_t missing = (config.dpdk.memory_mb - free_mb + page_mb - 1) / page_mb;
            return fmt::format(
                "{} MB of hugepages are wanted (dpdk.memory_mb) but only {} MB are free; run: sysctl "
                "vm.nr_hugepages={}",
                config.dpdk.memory_mb, free_mb, total + missing);
        }
    }
    if (geteuid() != 0) return "DPDK needs root; run it with sudo";
    return fmt::format("DPDK does not start: {}; its own lines above say why", rte_strerror(error));
}

}  // namespace

std::vector<std::string> eal_arguments(const Config& config) {
    const DpdkConfig& dpdk = config.dpdk;
    std::string lcores = fmt::format("0@{}", dpdk.main_core);
    for (unsigned worker = 0; worker < config.workers.cores.size(); ++worker) {
        lcores += fmt::format(",{}@{}", worker_lcore(worker), config.workers.cores[worker]);
    }
    std::vector<std::string> arguments{
        "heartgate-dataplane", "--proc-type=primary", "--file-prefix=" + dpdk.file_prefix,
        "--lcores=" + lcores,  "--main-lcore=0",
    };
    // net_tap reports a qdisc that only rte_flow would need as an error at each start. Of a driver that is loaded
    // later the first level given counts.
    arguments.emplace_back("--log-level=pmd.net.tap:critical");
    arguments.emplace_back("--log-level=*:warning");
    arguments.emplace_back("--log-level=lib.telemetry:error");  // it warns that nobody uses its first protocol
    if (dpdk.hugepages) {
        arguments.push_back(fmt::format("--socket-mem={}", dpdk.memory_mb));
        arguments.push_back(fmt::format("--socket-limit={}", dpdk.memory_mb));
    } else {
        arguments.emplace_back("--no-huge");
        arguments.push_back(fmt::format("-m{}", dpdk.memory_mb));
    }
    bool pci = false;
    for (const PortConfig& port : config.ports) {
        if (is_virtual(port.device)) continue;
        arguments.push_back("--allow=" + port.device);
        pci = true;
    }
    if (!pci) arguments.emplace_back("--no-pci");
    return arguments;
}

void start_eal(const Config& config) {
    claim_instance(config.dpdk.file_prefix);

    cpu_set_t affinity;
    const bool known = sched_getaffinity(0, sizeof(affinity), &affinity) == 0;
    std::vector<std::string> arguments = eal_arguments(config);
    std::vector<char*> pointers;
    pointers.reserve(arguments.size());
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0) {
        throw std::runtime_error{why_not_started(config, rte_errno)};
    }
    if (!known) return;
    cpu_set_t without_workers = affinity;
    for (const std::uint16_t core : config.workers.cores) CPU_CLR(core, &without_workers);
    if (CPU_COUNT(&without_workers) > 0) affinity = without_workers;
    sched_setaffinity(0, sizeof(affinity), &affinity);
}

}  // namespace heartgate::dataplane
