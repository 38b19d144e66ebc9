// SPDX-License-Identifier: Apache-2.0
#include "dataplane/config/yaml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

namespace heartgate::dataplane {
namespace {

// A scalar from a file, fit for a terminal.
std::string shown(const std::string& text) {
    constexpr std::size_t kMost = 60;
    std::string result;
    for (const char byte : text.substr(0, kMost)) {
        const auto code = static_cast<unsigned char>(byte);
        result += code < 0x20 || code >= 0x7f ? '?' : byte;
    }
    return text.size() > kMost ? result + "..." : result;
}

bool parse_number(std::string_view text, std::uint64_t& number) {
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    return failure == std::errc{} && end == text.data() + text.size();
}

}  // namespace

YamlNode::YamlNode(const YAML::Node& node, std::string file, std::string key, int near_line)
    : node_{node}, file_{std::move(file)}, key_{std::move(key)}, near_line_{near_line} {}

YamlNode YamlNode::parse(const std::string& text, const std::string& file_name) {
    try {
        return {YAML::Load(text), file_name, "", 1};
    } catch (const YAML::Exception& problem) {
        throw ConfigError{fmt::format("{}:{}: not valid YAML: {}", file_name, problem.mark.line + 1, problem.msg)};
    }
}

int YamlNode::line() const { return node_.IsDefined() && node_.Mark().line >= 0 ? node_.Mark().line + 1 : near_line_; }

void YamlNode::expect_keys(std::initializer_list<std::string_view> allowed) const {
    if (!present()) return;
    const std::string list = fmt::format("{}", fmt::join(allowed, ", "));
    if (!node_.IsMap()) fail(fmt::format("a mapping with the keys {}", list));
    std::set<std::string> seen;
    for (const auto& entry : node_) {
        const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "(not a scalar)";
        const std::string where = fmt::format("{}:{}: {}{}{}", file_, entry.first.Mark().line + 1, key_,
                                              key_.empty() ? "" : ".", shown(name));
        if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
            throw ConfigError{fmt::format("{}: unknown key; allowed: {}", where, list)};
        }
        if (!seen.insert(name).second) throw ConfigError{fmt::format("{}: given twice; allowed: once", where)};
    }
}

YamlNode YamlNode::child(std::string_view name) const {
    const std::string key = key_.empty() ? std::string{name} : fmt::format("{}.{}", key_, name);
    if (!present() || !node_.IsMap()) return {YAML::Node{YAML::NodeType::Undefined}, file_, key, line()};
    const YAML::Node& node = node_;  // const: a look-up must not add the key
    return {node[std::string{name}], file_, key, line()};
}

std::vector<YamlNode> YamlNode::elements(std::string_view allowed) const {
    std::vector<YamlNode> result;
    if (!present()) return result;
    if (!node_.IsSequence()) fail(allowed);
    for (const auto& element : node_) {
        result.push_back({element, file_, fmt::format("{}[{}]", key_, result.size()), line()});
    }
    return result;
}

std::vector<std::pair<std::string, YamlNode>> YamlNode::members(std::string_view allowed) const {
    std::vector<std::pair<std::string, YamlNode>> result;
    if (!present()) return result;
    if (!node_.IsMap()) fail(allowed);
    for (const auto& entry : node_) {
        if (!entry.first.IsScalar()) fail(allowed);
        const std::string name = entry.first.Scalar();
        const std::string key = fmt::format("{}{}{}", key_, key_.empty() ? "" : ".", shown(name));
        YamlNode member{entry.second, file_, key, entry.first.Mark().line + 1};
        const bool twice =
            std::any_of(result.begin(), result.end(), [&name](const auto& other) { return other.first == name; });
        if (twice) member.complain("given twice; allowed: once");
        result.emplace_back(name, std::move(member));
    }
    return result;
}

std::string YamlNode::text(std::string_view allowed) const {
    if (!present() || !node_.IsScalar() || node_.Scalar().empty()) fail(allowed);
    return node_.Scalar();
}

std::string YamlNode::text_or(std::string otherwise, std::string_view allowed) const {
    return present() ? text(allowed) : std::move(otherwise);
}

bool YamlNode::boolean_or(bool otherwise) const {
    if (!present()) return otherwise;
    const std::string value = text("true or false");
    if (value != "true" && value != "false") fail("true or false");
    return value == "true";
}

std::uint64_t YamlNode::integer(std::uint64_t least, std::uint64_t most) const {
    const std::string allowed = fmt::format("a number from {} to {}", least, most);
    std::uint64_t value = 0;
    if (!parse_number(text(allowed), value) || value < least || value > most) fail(allowed);
    return value;
}

std::uint32_t YamlNode::seconds_or(std::uint32_t otherwise, std::uint32_t least, std::uint32_t most) const {
    if (!present()) return otherwise;
    const std::string allowed = fmt::format("a duration such as 30s, 10m or 2h, from {}s to {}s", least, most);
    const std::string value = text(allowed);
    const std::size_t digits = std::min(value.find_first_not_of("0123456789"), value.size());
    const std::string_view unit = std::string_view{value}.substr(digits);
    std::uint64_t factor = 0;
    if (unit == "s" || unit.empty()) factor = 1;
    if (unit == "m") factor = 60;
    if (unit == "h") factor = 3600;
    std::uint64_t count = 0;
    if (factor == 0 || !parse_number(std::string_view{value}.substr(0, digits), count) || count > most) fail(allowed);
    const std::uint64_t seconds = count * factor;
    if (seconds < least || seconds > most) fail(allowed);
    return static_cast<std::uint32_t>(seconds);
}

void YamlNode::fail(std::string_view allowed) const {
    complain(fmt::format("found {}; allowed: {}", found(), allowed));
}

void YamlNode::complain(std::string_view what) const {
    throw ConfigError{fmt::format("{}:{}: {}: {}", file_, line(), key_.empty() ? "(top)" : key_, what)};
}

std::string YamlNode::found() const {
    if (!present()) return "nothing";
    if (node_.IsMap()) return "a mapping";
    if (node_.IsSequence()) return "a list";
    return fmt::format("'{}'", shown(node_.Scalar()));
}

}  // namespace heartgate::dataplane
