// SPDX-License-Identifier: Apache-2.0
#include "controlplane/cli/format.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <ctime>

namespace heartgate::control::cli {

namespace ip = boost::asio::ip;

std::string address_text(const std::string& bytes) {
    if (bytes.empty()) return "-";
    if (bytes.size() == 4) {
        ip::address_v4::bytes_type raw{};
        std::ranges::transform(bytes, raw.begin(), [](char c) { return static_cast<unsigned char>(c); });
        return ip::address_v4(raw).to_string();
    }
    if (bytes.size() == 16) {
        ip::address_v6::bytes_type raw{};
        std::ranges::transform(bytes, raw.begin(), [](char c) { return static_cast<unsigned char>(c); });
        return ip::address_v6(raw).to_string();
    }
    return fmt::format("? ({} bytes)", bytes.size());
}

std::string socket_text(const std::string& address, std::uint32_t port) {
    const std::string text = address_text(address);
    return address.size() == 16 ? fmt::format("[{}]:{}", text, port) : fmt::format("{}:{}", text, port);
}

std::string mac_text(const std::string& bytes) {
    std::string text;
    for (const char c : bytes)
        text += fmt::format("{}{:02x}", text.empty() ? "" : ":", static_cast<unsigned>(static_cast<unsigned char>(c)));
    return text.empty() ? "-" : text;
}

Expected<std::string> address_bytes(const std::string& text) {
    boost::system::error_code problem;
    const auto address = ip::make_address(text, problem);
    if (problem) return error(ErrorKind::kInvalidArgument, fmt::format("'{}' is not an IPv4 or IPv6 address", text));
    if (address.is_v4()) {
        const auto bytes = address.to_v4().to_bytes();
        return std::string(bytes.begin(), bytes.end());
    }
    const auto bytes = address.to_v6().to_bytes();
    return std::string(bytes.begin(), bytes.end());
}

std::string protocol_text(std::uint32_t protocol) {
    switch (protocol) {
        case 0:
            return "any";
        case 1:
            return "icmp";
        case 6:
            return "tcp";
        case 17:
            return "udp";
        case 58:
            return "icmpv6";
        default:
            return fmt::format("{}", protocol);
    }
}

std::string time_text(std::int64_t unix_ms) {
    if (unix_ms == 0) return "never";
    const std::time_t seconds = unix_ms / 1000;
    std::tm local{};
    localtime_r(&seconds, &local);
    return fmt::format("{:%Y-%m-%d %H:%M:%S}", local);
}

std::string duration_text(std::uint64_t seconds) {
    if (seconds < 60) return fmt::format("{} s", seconds);
    if (seconds < 3600) return fmt::format("{} min", seconds / 60);
    if (seconds < 86'400) return fmt::format("{} h {} min", seconds / 3600, seconds % 3600 / 60);
    return fmt::format("{} d {} h", seconds / 86'400, seconds % 86'400 / 3600);
}

std::string age_text(std::int64_t unix_ms, std::int64_t now_unix_ms) {
    if (unix_ms == 0) return "never";
    const std::int64_t age = std::max<std::int64_t>(0, now_unix_ms - unix_ms);
    if (age < 10'000) return fmt::format("{:.1f} s ago", static_cast<double>(age) / 1000);
    return duration_text(static_cast<std::uint64_t>(age) / 1000) + " ago";
}

std::int64_t unix_now_ms() {
    using std::chrono::system_clock;
    return std::chrono::duration_cast<std::chrono::milliseconds>(system_clock::now().time_since_epoch()).count();
}

Cell colour_cell(v1::Colour colour) {
    switch (colour) {
        case v1::GREEN:
            return {"GREEN", Style::kGreen};
        case v1::YELLOW:
            return {"YELLOW", Style::kYellow};
        case v1::RED:
            return {"RED", Style::kRed};
        default:
            return {"-", Style::kFaint};
    }
}

Cell presence_cell(v1::Presence presence) {
    switch (presence) {
        case v1::PRESENCE_NONE:
            return {"NONE", Style::kFaint};
        case v1::CONNECTED:
            return {"CONNECTED", Style::kGreen};
        case v1::MISSING:
            return {"MISSING", Style::kRed};
        case v1::ASLEEP:
            return {"ASLEEP", Style::kFaint};
        default:
            return fmt::format("{}", static_cast<int>(presence));
    }
}

void add_refused_policy(Sheet& sheet, std::uint64_t revision, const std::string& refusal) {
    if (refusal.empty()) return;
    sheet.add("Policy refused",
              {fmt::format("revision {}, wanted but not in force, the dataplane refuses it: {}; it is tried again",
                           revision, refusal),
               Style::kRed});
}

std::string reason_text(const v1::Reason& reason) {
    std::string text = v1::ReasonCode_IsValid(reason.code()) ? v1::ReasonCode_Name(reason.code())
                                                             : fmt::format("{}", static_cast<int>(reason.code()));
    if (!reason.finding().empty()) text += ": " + reason.finding();
    if (!reason.path().empty()) text += " in " + reason.path();
    if (!reason.detector().empty()) text += " (" + reason.detector() + ")";
    return text;
}

}  // namespace heartgate::control::cli
