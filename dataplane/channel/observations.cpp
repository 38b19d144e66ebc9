// SPDX-License-Identifier: Apache-2.0
#include "dataplane/channel/observations.h"

#include <fmt/format.h>
#include <rte_cycles.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "dataplane/channel/flow_message.h"
#include "dataplane/observe/described_packet.h"
#include "dataplane/observe/pcapng.h"
#include "heartgate/v1/observation.pb.h"

namespace heartgate::dataplane {
namespace {

constexpr std::array<std::string_view, 3> kPoints{"rx", "tx", "drop"};  // by ObservationPoint
constexpr int kMostInstructions = 512;
constexpr std::uint32_t kMostPerSecond = 10'000;
constexpr std::uint32_t kWholePacket = 65'535;
constexpr std::uint32_t kShortest = 64;               // with the tag, which tells the zone
constexpr std::uint32_t kHeaders = 128;               // of a packet that is only described
constexpr std::uint32_t kCaptureRing = 4U << 20U;     // bytes of each worker
constexpr std::uint32_t kDescribeRing = 256U << 10U;  // bytes of each worker

template <class Names>
std::string read_names(const char* what, const google::protobuf::RepeatedPtrField<std::string>& given,
                       const Names& names, const std::function<void(std::size_t)>& set) {
    for (const std::string& name : given) {
        const auto found = std::find(names.begin(), names.end(), name);
        if (found == names.end()) {
            return fmt::format("{} '{}'; allowed: {}", what, name, fmt::join(names, ", "));
        }
        set(static_cast<std::size_t>(found - names.begin()));
    }
    return {};
}

std::string read_filter(const v1::PacketFilter& filter, std::vector<bpf_insn>& program) {
    if (filter.instructions_size() > kMostInstructions) {
        return fmt::format("a filter of {} instructions; allowed: at most {}, use a simpler one",
                           filter.instructions_size(), kMostInstructions);
    }
    for (const std::uint64_t word : filter.instructions()) {
        program.push_back({.code = static_cast<u_short>(word >> 48U),
                           .jt = static_cast<u_char>(word >> 40U),
                           .jf = static_cast<u_char>(word >> 32U),
                           .k = static_cast<bpf_u_int32>(word)});
    }
    if (!program.empty() && bpf_validate(program.data(), static_cast<int>(program.size())) == 0) {
        return "the filter is no valid BPF program; compile it with libpcap for Ethernet";
    }
    return {};
}

std::string read_zones(const google::protobuf::RepeatedPtrField<std::string>& given, const ZoneTable& zones,
                       ObservationOptions& options) {
    for (const std::string& name : given) {
        if (name == zones.name(kAppliance)) {
            options.from_linux = true;
            continue;
        }
        const auto zone = zones.named(name);
        if (!zone) return fmt::format("zone '{}'; allowed: {}, {}", name, zones.names(), zones.name(kAppliance));
        options.segments.push_back({.port = zones[*zone].port, .vlan = zones[*zone].vlan});
    }
    return {};
}

std::string read_request(const v1::StartObservationRequest& request, const ZoneTable& zones,
                         ObservationOptions& options) {
    if (request.per_second() > kMostPerSecond) {
        return fmt::format("{} packets a second; allowed: at most {}", request.per_second(), kMostPerSecond);
    }
    for (const std::string& problem :
         {read_names("point", request.points(), kPoints,
                     [&](std::size_t point) { options.points |= bit(static_cast<ObservationPoint>(point)); }),
          read_names("drop reason", request.reasons(), contract::kDropReasonNames,
                     [&](std::size_t reason) { options.reasons.set(reason); }),
          read_zones(request.zones(), zones, options), read_filter(request.filter(), options.filter)}) {
        if (!problem.empty()) return problem;
    }
    if (options.points == 0) {
        options.points =
            bit(ObservationPoint::kReceived) | bit(ObservationPoint::kSent) | bit(ObservationPoint::kDropped);
    }
    if (!request.pcapng()) options.points = bit(ObservationPoint::kDropped);
    options.per_second = request.per_second();
    options.snap_length = request.pcapng() ? kWholePacket : kHeaders;
    if (request.snap_length() != 0) {
        options.snap_length = std::clamp(request.snap_length(), kShortest, options.snap_length);
    }
    options.ring_bytes = request.pcapng() ? kCaptureRing : kDescribeRing;
    return {};
}

// What the time stamp counter means in wall-clock time, which may be set: asked anew for each reply.
class WallClock {
public:
    WallClock() noexcept : tsc_{rte_rdtsc()} {
        timespec now{};
        clock_gettime(CLOCK_REALTIME, &now);
        ns_ = static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
    }
    [[nodiscard]] std::int64_t unix_ns(std::uint64_t tsc) const noexcept {
        const auto age = static_cast<double>(static_cast<std::int64_t>(tsc_ - tsc));
        return ns_ - static_cast<std::int64_t>(age * 1e9 / static_cast<double>(rte_get_tsc_hz()));
    }

private:
    std::uint64_t tsc_;
    std::int64_t ns_ = 0;
};

void fill(v1::DroppedPacket& message, const ObservedPacket& packet, std::span<const std::uint8_t> bytes,
          const ZoneTable& zones) {
    const DescribedPacket described = describe_packet(bytes);
    message.set_reason(std::string{contract::name(packet.reason)});
    if (packet.from_linux) {
        message.set_zone(std::string{zones.name(kAppliance)});
    } else if (const Zone zone = zones.tags(packet.port)[described.vlan]; !zone.is_appliance()) {
        message.set_zone(std::string{zones.name(zone)});
    }
    message.set_length(packet.length);
    message.set_worker(packet.worker);
    message.set_source_mac(std::string{described.source_mac.begin(), described.source_mac.end()});
    message.set_vlan(described.vlan);
    message.set_ether_type(described.ether_type);
    message.set_protocol(described.protocol);
    if (described.source != IpAddress{} || described.destination != IpAddress{}) {
        message.set_source(to_wire(described.source));
        message.set_destination(to_wire(described.destination));
    }
    message.set_source_port(described.source_port);
    message.set_destination_port(described.destination_port);
}

// Of a capture's file: the zones, then these two.
std::vector<std::string> interfaces_of(const ZoneTable& zones) {
    std::vector<std::string> names;
    for (const ZoneEntry& zone : zones.all()) names.push_back(zone.name);
    names.emplace_back(zones.name(kAppliance));  // Linux
    names.emplace_back("no zone");               // a tag that none has
    return names;
}

std::uint32_t interface_of(const ObservedPacket& packet, std::span<const std::uint8_t> frame, const ZoneTable& zones) {
    const std::size_t count = zones.all().size();
    if (packet.from_linux) return static_cast<std::uint32_t>(count);
    const Zone zone = zones.tags(packet.port)[describe_packet(frame).vlan];
    return static_cast<std::uint32_t>(zone.is_appliance() ? count + 1 : zone.number());
}

}  // namespace

Observations::Observations(Observers& observers, const ZoneTable& zones, unsigned workers)
    : observers_{observers}, zones_{zones}, workers_{workers} {}

Observations::~Observations() {
    end_if([](const Observation&) { return true; });
}

std::string Observations::start(const v1::StartObservationRequest& request, std::uint64_t connection,
                                std::uint64_t now_ms, v1::StartObservationReply& reply) {
    ObservationOptions options;
    std::string problem = read_request(request, zones_, options);
    if (!problem.empty()) return problem;
    Observer* observer = observers_.attach(std::make_unique<Observer>(workers_, std::move(options)));
    if (observer == nullptr) {
        return fmt::format("{} captures and drop watches run already; end one first", Observers::kMost);
    }
    observations_.emplace(
        ++last_id_,
        Observation{.observer = observer, .connection = connection, .taken_ms = now_ms, .pcapng = request.pcapng()});
    reply.set_id(last_id_);
    return {};
}

std::string Observations::take(const v1::TakeObservationRequest& request, std::uint64_t now_ms,
                               v1::TakeObservationReply& reply) {
    const auto found = observations_.find(request.id());
    if (found == observations_.end()) return "there is no such observation: it was stopped, or forgotten";
    Observation& observation = found->second;
    observation.taken_ms = now_ms;
    const std::uint32_t most = std::min(request.most(), kMostTaken);
    if (observation.pcapng) {
        write(observation, most, reply);
    } else {
        describe(observation, most, reply);
    }
    reply.set_lost(observation.observer->lost());
    return {};
}

void Observations::stop(const v1::StopObservationRequest& request) {
    const auto found = observations_.find(request.id());
    if (found == observations_.end()) return;
    observers_.detach(found->second.observer);
    observations_.erase(found);
}

void Observations::closed(std::uint64_t connection) {
    end_if([connection](const Observation& observation) { return observation.connection == connection; });
}

void Observations::keep(std::uint64_t now_ms) {
    end_if([now_ms](const Observation& observation) { return now_ms - observation.taken_ms >= kForgottenMs; });
}

template <class Condition>
void Observations::end_if(Condition&& condition) {
    std::erase_if(observations_, [&](const auto& entry) {
        if (!condition(entry.second)) return false;
        observers_.detach(entry.second.observer);
        return true;
    });
}

void Observations::describe(Observation& observation, std::uint32_t most, v1::TakeObservationReply& reply) const {
    const WallClock clock;
    std::uint32_t count = 0;
    while (count < most && observation.observer->take([&](const ObservedPacket& packet, const std::uint8_t* bytes) {
        v1::DroppedPacket& message = *reply.add_packets();
        fill(message, packet, {bytes, packet.captured}, zones_);
        message.set_unix_ns(clock.unix_ns(packet.tsc));
    })) {
        ++count;
    }
    reply.set_count(count);
    std::sort(
        reply.mutable_packets()->begin(), reply.mutable_packets()->end(),
        [](const v1::DroppedPacket& left, const v1::DroppedPacket& right) { return left.unix_ns() < right.unix_ns(); });
    if (count == 0) return;
    const std::uint64_t lost = observation.observer->lost();
    reply.mutable_packets(0)->set_lost(lost - std::exchange(observation.lost, lost));
}

void Observations::write(Observation& observation, std::uint32_t most, v1::TakeObservationReply& reply) const {
    std::string& file = *reply.mutable_pcapng();
    if (!std::exchange(observation.begun, true))
        file = pcapng::begin(interfaces_of(zones_), observation.observer->options().snap_length);
    const WallClock clock;
    std::uint32_t count = 0;
    const std::uint64_t lost = observation.observer->lost();
    while (count < most && file.size() < kMostBytes &&
           observation.observer->take([&](const ObservedPacket& packet, const std::uint8_t* bytes) {
               const std::span<const std::uint8_t> frame{bytes, packet.captured};
               pcapng::add(file, packet, interface_of(packet, frame, zones_), frame,
                           static_cast<std::uint64_t>(clock.unix_ns(packet.tsc)),
                           lost - std::exchange(observation.lost, lost));
           })) {
        ++count;
    }
    reply.set_count(count);
}

}  // namespace heartgate::dataplane
