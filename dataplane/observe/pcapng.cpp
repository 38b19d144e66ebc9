// SPDX-License-Identifier: Apache-2.0
#include "dataplane/observe/pcapng.h"

#include <fmt/format.h>

#include <string_view>

#include "dataplane/packet/bytes.h"

namespace heartgate::dataplane::pcapng {
namespace {

constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kByteOrder = 0x1a2b3c4d;
constexpr std::uint32_t kInterface = 1;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint16_t kEthernet = 1;  // LINKTYPE_ETHERNET

constexpr std::uint16_t kEndOfOptions = 0;
constexpr std::uint16_t kComment = 1;
constexpr std::uint16_t kApplication = 4;     // of the section
constexpr std::uint16_t kInterfaceName = 2;   // of an interface
constexpr std::uint16_t kTimeResolution = 9;  // of an interface
constexpr std::uint16_t kFlags = 2;           // of a packet
constexpr std::uint16_t kDropCount = 4;       // of a packet
constexpr std::uint32_t kInbound = 1;
constexpr std::uint32_t kOutbound = 2;

template <class Value>
void put(std::string& file, Value value) {
    file.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void pad(std::string& file, std::size_t bytes) { file.append((4 - bytes % 4) % 4, '\0'); }

void option(std::string& file, std::uint16_t code, std::string_view value) {
    put(file, code);
    put(file, static_cast<std::uint16_t>(value.size()));
    file.append(value);
    pad(file, value.size());
}

template <class Value>
std::string_view bytes_of(const Value& value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
}

void end_options(std::string& file) {
    put(file, kEndOfOptions);
    put(file, std::uint16_t{0});
}

// A block's length stands before and behind what it holds, and is known at its end.
class Block {
public:
    Block(std::string& file, std::uint32_t type) : file_{file}, start_{file.size()} {
        put(file_, type);
        put(file_, std::uint32_t{0});
    }
    ~Block() {
        const auto length = static_cast<std::uint32_t>(file_.size() - start_ + sizeof(std::uint32_t));
        put(file_, length);
        file_.replace(start_ + sizeof(std::uint32_t), sizeof length, bytes_of(length));
    }
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;

private:
    std::string& file_;
    const std::size_t start_;
};

}  // namespace

std::string begin(const std::vector<std::string>& interfaces, std::uint32_t snap_length) {
    std::string file;
    {
        const Block section{file, kSectionHeader};
        put(file, kByteOrder);
        put(file, std::uint16_t{1});  // version 1.0
        put(file, std::uint16_t{0});
        put(file, ~std::uint64_t{0});  // length not known
        option(file, kApplication, "heartgate " HEARTGATE_VERSION);
        end_options(file);
    }
    for (const std::string& name : interfaces) {
        const Block interface { file, kInterface };
        put(file, kEthernet);
        put(file, std::uint16_t{0});
        put(file, snap_length);
        option(file, kInterfaceName, name);
        option(file, kTimeResolution, "\x09");  // nanoseconds
        end_options(file);
    }
    return file;
}

void add(std::string& file, const ObservedPacket& packet, std::uint32_t interface, std::span<const std::uint8_t> bytes,
         std::uint64_t unix_ns, std::uint64_t lost) {
    const Block block{file, kEnhancedPacket};
    put(file, interface);
    put(file, static_cast<std::uint32_t>(unix_ns >> 32U));
    put(file, static_cast<std::uint32_t>(unix_ns));
    put(file, static_cast<std::uint32_t>(bytes.size()));
    put(file, packet.length);
    file.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    pad(file, bytes.size());
    if (packet.point == ObservationPoint::kDropped) {
        option(file, kComment, fmt::format("dropped: {}", contract::name(packet.reason)));
    }
    option(file, kFlags, bytes_of(packet.point == ObservationPoint::kSent ? kOutbound : kInbound));
    if (lost != 0) option(file, kDropCount, bytes_of(lost));
    end_options(file);
}

}  // namespace heartgate::dataplane::pcapng
