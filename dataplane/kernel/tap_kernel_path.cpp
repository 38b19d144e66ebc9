// SPDX-License-Identifier: Apache-2.0
// The thread between rings and TAP descriptors. A worker that had to wake it would make a system call, so it looks
// at the rings by itself: at once while there is work, then every 50 us, every 400 us when it has been quiet, every
// millisecond when it has been so for long. Frames
// from Linux wake it by ppoll.
#include "dataplane/kernel/tap_kernel_path.h"

#include <fmt/format.h>
#include <poll.h>
#include <rte_errno.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>

#include "dataplane/kernel/control_thread.h"
#include "dataplane/kernel/neighbour_resolver.h"

namespace heartgate::dataplane {

namespace {

using Clock = NeighbourResolver::Clock;

constexpr unsigned kBurst = 32;
constexpr std::size_t kAddresses = 12;  // both MACs, in front of EtherType or tag
constexpr std::size_t kTag = 4;
constexpr std::size_t kSegments = 16;
constexpr auto kBusyFor = std::chrono::milliseconds{20};
constexpr timespec kNoWait{.tv_sec = 0, .tv_nsec = 0};
constexpr timespec kBusyWait{.tv_sec = 0, .tv_nsec = 50'000};
constexpr timespec kQuietWait{.tv_sec = 0, .tv_nsec = 400'000};
constexpr auto kQuietFor = std::chrono::seconds{1};
constexpr timespec kIdleWait{.tv_sec = 0, .tv_nsec = 1'000'000};
constexpr std::uint32_t kResolveRing = 256;

struct FreeRing {
    void operator()(rte_ring* ring) const noexcept { rte_ring_free(ring); }
};
using Ring = std::unique_ptr<rte_ring, FreeRing>;

struct ResolveRequest {
    IpAddress address;
    std::uint32_t zone;  // number
};
static_assert(sizeof(ResolveRequest) % 4 == 0);  // as rte_ring wants it

// Counter with one writer.
class Count {
public:
    void add(std::uint64_t count = 1) noexcept {
        value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t load() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

Ring make_ring(const std::string& name, unsigned element, std::uint32_t size) {
    Ring ring{rte_ring_create_elem(name.c_str(), element, size, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ)};
    if (!ring) {
        throw std::runtime_error{
            fmt::format("ring '{}' of {} entries: {}; is the size a power of two, and the memory "
                        "enough?",
                        name, size, rte_strerror(rte_errno))};
    }
    return ring;
}

void free_packets(rte_ring* ring) noexcept {
    void* packet = nullptr;
    while (rte_ring_sc_dequeue(ring, &packet) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
}

bool is_tagged(const std::uint8_t* frame) noexcept {
    return frame[kAddresses] == 0x81 && frame[kAddresses + 1] == 0x00;
}

// Frames between two hosts take one worker, so that a flow's stay in order: where an untagged IPv4 header has its
// addresses; for the rest any bytes that repeat with the flow do.
unsigned worker_of(const rte_mbuf* packet, unsigned workers) noexcept {
    constexpr std::size_t kFrom = 26;
    constexpr std::size_t kTo = 34;
    if (workers == 1 || packet->data_len < kTo) return 0;
    const auto* bytes = rte_pktmbuf_mtod(packet, const std::uint8_t*);
    std::uint32_t hash = 0;
    for (std::size_t i = kFrom; i < kTo; ++i) hash = hash * 31 + bytes[i];
    return hash % workers;
}

}  // namespace

struct TapKernelPath::Thread {
    // Of one worker and zone.
    struct Rings {
        std::array<Ring, kPuntQueues> to_kernel;  // by PuntQueue
        Ring from_kernel;
    };
    struct Tap {
        TapDevice device;
        std::uint16_t vlan;
    };
    struct Worker {
        std::array<Rings, kMostZones> rings;  // by zone
        Ring resolve;
    };

    rte_mempool* pool;
    contract::Doorbell* doorbells;
    std::vector<Worker> workers;
    std::array<std::optional<Tap>, kMostZones> taps;  // by zone
    NeighbourResolver resolver;
    Count to_kernel, to_kernel_failed, from_kernel, from_kernel_full, resolved;
    std::optional<ControlThread> thread;  // last: ends before what it uses

    explicit Thread(const TapKernelPathOptions& options);
    ~Thread();

    void run(const std::atomic<bool>& stop) noexcept;
    unsigned deliver(std::size_t zone) noexcept;
    void write_frame(const Tap& tap, const rte_mbuf* packet) noexcept;
    unsigned collect(std::size_t zone) noexcept;
    unsigned resolve() noexcept;
};

TapKernelPath::Thread::Thread(const TapKernelPathOptions& options) : pool{options.pool}, doorbells{options.doorbells} {
    for (unsigned worker = 0; worker < options.workers; ++worker) {
        Worker& made = workers.emplace_back();
        for (const TapOptions& tap : options.taps) {
            const std::size_t zone = tap.zone.number();
            const auto name = [&options, worker, zone](char direction) {
                return fmt::format("{}_{}_{}{}", options.name, worker, zone, direction);
            };
            for (std::size_t queue = 0; queue < kPuntQueues; ++queue) {
                made.rings[zone].to_kernel[queue] =
                    make_ring(name(static_cast<char>('x' + queue)), sizeof(void*), options.ring_size);
            }
            made.rings[zone].from_kernel = make_ring(name('f'), sizeof(void*), options.ring_size);
        }
        made.resolve = make_ring(fmt::format("{}_{}r", options.name, worker), sizeof(ResolveRequest), kResolveRing);
    }
    for (const TapOptions& tap : options.taps) {
        taps[tap.zone.number()].emplace(Tap{TapDevice{tap}, tap.vlan});
    }
    thread.emplace("hg-kernel-path", [this](const std::atomic<bool>& stop) { run(stop); });
}

TapKernelPath::Thread::~Thread() {
    thread.reset();
    for (const Worker& worker : workers) {
        for (const Rings& rings : worker.rings) {
            if (!rings.from_kernel) continue;
            for (const Ring& ring : rings.to_kernel) free_packets(ring.get());
            free_packets(rings.from_kernel.get());
        }
    }
}

void TapKernelPath::Thread::run(const std::atomic<bool>& stop) noexcept {
    prctl(PR_SET_TIMERSLACK, 1);  // else every wait is 50 us longer
    std::array<pollfd, kMostZones> descriptors{};
    for (std::size_t zone = 0; zone < kMostZones; ++zone) {
        descriptors[zone] = {.fd = taps[zone] ? taps[zone]->device.descriptor() : -1, .events = POLLIN, .revents = 0};
    }
    Clock::time_point busy_until = Clock::now();
    unsigned work = 1;
    while (!stop.load(std::memory_order_relaxed)) {
        const Clock::time_point now = Clock::now();
        if (work > 0) busy_until = now + kBusyFor;
        const timespec* wait = work > 0                       ? &kNoWait
                               : now < busy_until             ? &kBusyWait
                               : now < busy_until + kQuietFor ? &kQuietWait
                                                              : &kIdleWait;
        if (ppoll(descriptors.data(), descriptors.size(), wait, nullptr) <= 0) {
            for (pollfd& descriptor : descriptors) descriptor.revents = 0;
        }
        work = resolve();
        for (std::size_t zone = 0; zone < kMostZones; ++zone) {
            if (!taps[zone]) continue;
            work += deliver(zone);
            if ((descriptors[zone].revents & POLLIN) != 0) work += collect(zone);
            // Somebody has deleted the device: it would be reported again at once, for ever.
            if ((descriptors[zone].revents & POLLERR) != 0) descriptors[zone].fd = -1;
        }
    }
}

// A burst of each queue per turn: however full the last one is, the first is never further away than that.
unsigned TapKernelPath::Thread::deliver(std::size_t zone) noexcept {
    unsigned total = 0;
    for (std::size_t queue = 0; queue < kPuntQueues; ++queue) {
        for (const Worker& worker : workers) {
            std::array<void*, kBurst> packets;
            rte_ring* ring = worker.rings[zone].to_kernel[queue].get();
            const unsigned count = rte_ring_sc_dequeue_burst(ring, packets.data(), kBurst, nullptr);
            for (unsigned i = 0; i < count; ++i) {
                auto* packet = static_cast<rte_mbuf*>(packets[i]);
                write_frame(*taps[zone], packet);
                rte_pktmbuf_free(packet);
            }
            total += count;
        }
    }
    return total;
}

void TapKernelPath::Thread::write_frame(const Tap& tap, const rte_mbuf* packet) noexcept {
    std::array<iovec, kSegments + 1> parts{};
    std::size_t count = 0;
    const auto add = [&parts, &count](std::uint8_t* data, std::size_t size) {
        if (size > 0) parts[count++] = {.iov_base = data, .iov_len = size};
    };
    auto* first = rte_pktmbuf_mtod(packet, std::uint8_t*);
    if (packet->data_len >= kAddresses + kTag + 2 && tap.vlan != 0 && is_tagged(first)) {
        add(first, kAddresses);
        add(first + kAddresses + kTag, packet->data_len - kAddresses - kTag);
    } else {
        add(first, packet->data_len);
    }
    for (const rte_mbuf* segment = packet->next; segment != nullptr && count < parts.size(); segment = segment->next) {
        add(rte_pktmbuf_mtod(segment, std::uint8_t*), segment->data_len);
    }
    if (writev(tap.device.descriptor(), parts.data(), static_cast<int>(count)) < 0) {
        to_kernel_failed.add();
    } else {
        to_kernel.add();
    }
}

unsigned TapKernelPath::Thread::collect(std::size_t zone) noexcept {
    const Tap& tap = *taps[zone];
    const std::size_t room_for_tag = tap.vlan != 0 ? kTag : 0;
    for (unsigned count = 0; count < kBurst; ++count) {
        rte_mbuf* packet = rte_pktmbuf_alloc(pool);
        if (packet == nullptr) {  // take the frame out all the same: Linux must not wait for us
            std::array<char, 64> rest;
            if (read(tap.device.descriptor(), rest.data(), rest.size()) < 0) return count;
            from_kernel_full.add();
            continue;
        }
        auto* frame = rte_pktmbuf_mtod(packet, std::uint8_t*);
        const ssize_t size = read(tap.device.descriptor(), frame + room_for_tag,
                                  static_cast<std::size_t>(rte_pktmbuf_tailroom(packet)) - room_for_tag);
        if (size < 0) {
            rte_pktmbuf_free(packet);
            return count;
        }
        if (tap.vlan != 0) {  // IEEE 802.1Q, 9.6
            std::memmove(frame, frame + kTag, kAddresses);
            frame[kAddresses] = 0x81;
            frame[kAddresses + 1] = 0x00;
            frame[kAddresses + 2] = static_cast<std::uint8_t>(tap.vlan >> 8U);
            frame[kAddresses + 3] = static_cast<std::uint8_t>(tap.vlan);
        }
        packet->data_len = static_cast<std::uint16_t>(static_cast<std::size_t>(size) + room_for_tag);
        packet->pkt_len = packet->data_len;
        const unsigned number = worker_of(packet, static_cast<unsigned>(workers.size()));
        const Worker& worker = workers[number];
        if (rte_ring_sp_enqueue(worker.rings[zone].from_kernel.get(), packet) != 0) {
            rte_pktmbuf_free(packet);
            from_kernel_full.add();
        } else {
            from_kernel.add();
            if (doorbells != nullptr) doorbells[number].ring();
        }
    }
    return kBurst;
}

unsigned TapKernelPath::Thread::resolve() noexcept {
    unsigned count = 0;
    for (const Worker& worker : workers) {
        ResolveRequest request{};
        while (count < kBurst && rte_ring_sc_dequeue_elem(worker.resolve.get(), &request, sizeof(request)) == 0) {
            ++count;
            const auto& tap = taps[request.zone];
            if (tap && resolver.resolve(tap->device.index(), request.address, Clock::now())) resolved.add();
        }
    }
    return count;
}

TapKernelPath::TapKernelPath(const TapKernelPathOptions& options) : thread_{std::make_unique<Thread>(options)} {}

TapKernelPath::~TapKernelPath() = default;

bool TapKernelPath::punt(unsigned worker, Zone zone, PuntQueue queue, Permit, rte_mbuf* packet) noexcept {
    const std::size_t of = zone.number();
    if (!thread_->taps[of]) return false;
    rte_ring* ring = thread_->workers[worker].rings[of].to_kernel[static_cast<std::size_t>(queue)].get();
    return rte_ring_sp_enqueue(ring, packet) == 0;
}

std::uint16_t TapKernelPath::take(unsigned worker, Zone zone, rte_mbuf** packets, std::uint16_t most) noexcept {
    rte_ring* ring = thread_->workers[worker].rings[zone.number()].from_kernel.get();
    if (ring == nullptr) return 0;
    return static_cast<std::uint16_t>(
        rte_ring_sc_dequeue_burst(ring, reinterpret_cast<void**>(packets), most, nullptr));
}

void TapKernelPath::resolve(unsigned worker, Zone zone, const IpAddress& address) noexcept {
    ResolveRequest request{.address = address, .zone = static_cast<std::uint32_t>(zone.number())};
    // Full: asked again by the next packet.
    (void)rte_ring_sp_enqueue_elem(thread_->workers[worker].resolve.get(), &request, sizeof(request));
}

int TapKernelPath::interface_index(Zone zone) const noexcept {
    const auto& tap = thread_->taps[zone.number()];
    return tap ? tap->device.index() : 0;
}

KernelPathCounters TapKernelPath::counters() const noexcept {
    return {.to_kernel = thread_->to_kernel.load(),
            .to_kernel_failed = thread_->to_kernel_failed.load(),
            .from_kernel = thread_->from_kernel.load(),
            .from_kernel_full = thread_->from_kernel_full.load(),
            .resolved = thread_->resolved.load()};
}

}  // namespace heartgate::dataplane
