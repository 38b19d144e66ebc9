// SPDX-License-Identifier: Apache-2.0
#include "controlplane/common/yaml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

namespace heartgate::control {
namespace {

constexpr std::size_t kMostFileBytes = 4UL << 20U;
constexpr std::size_t kMostShownBytes = 60;

// A scalar from a file or from the network, fit for a terminal.
std::string shown(const std::string& text) {
    std::string result;
    for (const char byte : text) {
        if (result.size() == kMostShownBytes) return result + "...";
        result += static_cast<unsigned char>(byte) < 0x20 || static_cast<unsigned char>(byte) >= 0x7f ? '?' : byte;
    }
    return result;
}

template <typename Number>
bool parse_number(std::string_view text, Number& number) {
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    return failure == std::errc{} && end == text.data() + text.size() && !text.empty();
}

}  // namespace

YamlNode::YamlNode(const YAML::Node& node, std::string file, std::string key, int near_line)
    : node_{node}, file_{std::move(file)}, key_{std::move(key)}, near_line_{near_line} {}

int YamlNode::line() const { return node_.IsDefined() && node_.Mark().line >= 0 ? node_.Mark().line + 1 : near_line_; }

void YamlNode::expect_keys(std::initializer_list<std::string_view> allowed) const {
    const std::string list = fmt::format("{}", fmt::join(allowed, ", "));
    if (!present()) return;
    if (!node_.IsMap()) fail(fmt::format("a mapping with the keys {}", list));
    std::set<std::string> seen;
    for (const auto& entry : node_) {
        const int line = entry.first.Mark().line + 1;
        const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "(not a scalar)";
        const std::string where = fmt::format("{}:{}: {}{}{}", file_, line, key_, key_.empty() ? "" : ".", shown(name));
        if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
            throw YamlError{fmt::format("{}: unknown key; allowed: {}", where, list)};
        }
        if (!seen.insert(name).second) throw YamlError{fmt::format("{}: given twice; allowed: once", where)};
    }
}

YamlNode YamlNode::child(std::string_view name) const {
    const std::string key = key_.empty() ? std::string{name} : fmt::format("{}.{}", key_, name);
    if (!present() || !node_.IsMap()) return {YAML::Node{YAML::NodeType::Undefined}, file_, key, line()};
    const YAML::Node& node = node_;  // const: a look-up must not add the key
    return {node[std::string{name}], file_, key, line()};
}

YamlNode YamlNode::required(std::string_view name, std::string_view allowed) const {
    YamlNode node = child(name);
    if (!node.present()) node.fail(allowed);
    return node;
}

std::vector<std::pair<std::string, YamlNode>> YamlNode::entries(std::string_view allowed) const {
    std::vector<std::pair<std::string, YamlNode>> result;
    if (!present()) return result;
    if (!node_.IsMap()) fail(allowed);
    std::set<std::string> seen;
    for (const auto& entry : node_) {
        const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "(not a scalar)";
        const YamlNode value{entry.second, file_, fmt::format("{}.{}", key_, shown(name)), entry.first.Mark().line + 1};
        if (!seen.insert(name).second) value.complain("given twice; allowed: once");
        result.emplace_back(name, value);
    }
    return result;
}

std::vector<YamlNode> YamlNode::elements(std::string_view allowed) const {
    std::vector<YamlNode> result;
    if (!present()) return result;
    if (!node_.IsSequence()) fail(allowed);
    for (const auto& element : node_) {
        result.emplace_back(element, file_, fmt::format("{}[{}]", key_, result.size()), line());
    }
    return result;
}

std::string YamlNode::text(std::string_view allowed) const {
    if (!present() || !node_.IsScalar()) fail(allowed);
    return node_.Scalar();
}

bool YamlNode::boolean() const {
    const std::string value = text("true or false");
    if (value == "true" || value == "yes") return true;
    if (value == "false" || value == "no") return false;
    fail("true or false");
}

std::uint64_t YamlNode::number(std::uint64_t least, std::uint64_t most) const {
    const std::string allowed = fmt::format("a number from {} to {}", least, most);
    std::uint64_t value = 0;
    if (!parse_number(std::string_view{text(allowed)}, value) || value < least || value > most) fail(allowed);
    return value;
}

std::chrono::milliseconds YamlNode::duration(std::chrono::milliseconds least, std::chrono::milliseconds most) const {
    const std::string allowed =
        fmt::format("a duration such as 250ms, 15s, 10m or 24h, from {}ms to {}ms", least.count(), most.count());
    const std::string value = text(allowed);
    const std::size_t digits = std::min(value.find_first_not_of("0123456789"), value.size());
    const std::string_view unit = std::string_view{value}.substr(digits);
    std::uint64_t factor = 0;
    if (unit == "ms") factor = 1;
    if (unit == "s" || unit.empty()) factor = 1000;
    if (unit == "m") factor = 60'000;
    if (unit == "h") factor = 3'600'000;
    std::uint32_t count = 0;  // 32 bits: the product cannot overflow
    if (factor == 0 || !parse_number(std::string_view{value}.substr(0, digits), count)) fail(allowed);
    const std::chrono::milliseconds result{static_cast<std::int64_t>(count * factor)};
    if (result < least || result > most) fail(allowed);
    return result;
}

std::string YamlNode::text_or(std::string otherwise) const { return present() ? text() : std::move(otherwise); }

bool YamlNode::boolean_or(bool otherwise) const { return present() ? boolean() : otherwise; }

std::uint64_t YamlNode::number_or(std::uint64_t otherwise, std::uint64_t least, std::uint64_t most) const {
    return present() ? number(least, most) : otherwise;
}

std::chrono::milliseconds YamlNode::duration_or(std::chrono::milliseconds otherwise, std::chrono::milliseconds least,
                                                std::chrono::milliseconds most) const {
    return present() ? duration(least, most) : otherwise;
}

void YamlNode::fail(std::string_view allowed) const {
    throw YamlError{fmt::format("{}:{}: {}: found {}; allowed: {}", file_, line(), key_.empty() ? "(top)" : key_,
                                found(), allowed)};
}

void YamlNode::complain(std::string_view what) const {
    throw YamlError{fmt::format("{}:{}: {}: {}", file_, line(), key_.empty() ? "(top)" : key_, what)};
}

std::string YamlNode::found() const {
    if (!present()) return "nothing";
    if (node_.IsMap()) return "a mapping";
    if (node_.IsSequence()) return "a list";
    return fmt::format("'{}'", shown(node_.Scalar()));
}

YamlNode parse_yaml(const std::string& text, const std::string& file_name) {
    try {
        return {YAML::Load(text), file_name, "", 1};
    } catch (const YAML::Exception& problem) {
        throw YamlError{fmt::format("{}:{}: not valid YAML: {}", file_name, problem.mark.line + 1, problem.msg)};
    }
}

std::string read_text_file(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    std::ostringstream text;
    if (!file || (file.peek() != std::ifstream::traits_type::eof() && !(text << file.rdbuf()))) {
        throw YamlError{fmt::format("{}: cannot be read: {}", path, std::strerror(errno != 0 ? errno : EIO))};
    }
    std::string result = text.str();
    if (result.size() > kMostFileBytes) {
        throw YamlError{fmt::format("{}: has {} bytes; allowed: at most {}", path, result.size(), kMostFileBytes)};
    }
    return result;
}

}  // namespace heartgate::control
