// SPDX-License-Identifier: Apache-2.0
// Reading YAML so that a mistake is named by file, line, key, what was found and what is allowed.
// Knows mappings, sequences and scalars; what the keys mean is config.cpp's.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace heartgate::dataplane {

// The message is "FILE:LINE: KEY: found FOUND; allowed: ALLOWED", or a like sentence.
class ConfigError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// One node and the key by which it was reached ("ports.lan.mtu"). Every reading function throws ConfigError.
class YamlNode {
public:
    // The root of a document; an empty one is an empty mapping.
    [[nodiscard]] static YamlNode parse(const std::string& text, const std::string& file_name);

    [[nodiscard]] bool present() const { return node_.IsDefined() && !node_.IsNull(); }

    // Unless absent, this is a mapping all of whose keys are among `allowed`, each once.
    void expect_keys(std::initializer_list<std::string_view> allowed) const;
    [[nodiscard]] YamlNode child(std::string_view name) const;  // present() is false if the key is missing
    [[nodiscard]] std::vector<YamlNode> elements(std::string_view allowed) const;  // none if absent
    // Of a mapping whose keys are names to choose, each once, in order; none if absent.
    [[nodiscard]] std::vector<std::pair<std::string, YamlNode>> members(std::string_view allowed) const;

    [[nodiscard]] std::string text(std::string_view allowed) const;
    [[nodiscard]] std::string text_or(std::string otherwise, std::string_view allowed) const;
    [[nodiscard]] bool boolean_or(bool otherwise) const;
    template <typename Number>
    [[nodiscard]] Number number(std::uint64_t least, std::uint64_t most) const {
        return static_cast<Number>(integer(least, most));
    }
    template <typename Number>
    [[nodiscard]] Number number_or(Number otherwise, std::uint64_t least, std::uint64_t most) const {
        return present() ? number<Number>(least, most) : otherwise;
    }
    // "15s", "10m", "2h", or a number of seconds.
    [[nodiscard]] std::uint32_t seconds_or(std::uint32_t otherwise, std::uint32_t least, std::uint32_t most) const;

    [[noreturn]] void fail(std::string_view allowed) const;   // found ...; allowed: ...
    [[noreturn]] void complain(std::string_view what) const;  // FILE:LINE: KEY: WHAT

private:
    // `near_line`: where to point at if the node is absent.
    YamlNode(const YAML::Node& node, std::string file, std::string key, int near_line);

    [[nodiscard]] std::uint64_t integer(std::uint64_t least, std::uint64_t most) const;
    [[nodiscard]] int line() const;
    [[nodiscard]] std::string found() const;

    YAML::Node node_;
    std::string file_;
    std::string key_;
    int near_line_ = 0;
};

}  // namespace heartgate::dataplane
