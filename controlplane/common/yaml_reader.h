// SPDX-License-Identifier: Apache-2.0
// Reading YAML so that a mistake is named by file, line, key, what was found and what is allowed.
// Knows mappings, sequences and scalars; what the keys mean is the caller's.
#pragma once

#include <yaml-cpp/yaml.h>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "controlplane/common/error.h"

namespace heartgate::control {

// Thrown inside a reading function only; from_yaml_file() and from_yaml_text() turn it into an Error.
class YamlError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// One node and the key by which it was reached ("rules[2].services"). Copies are cheap; the document stays alive with
// any of them.
class YamlNode {
public:
    // `near_line`: where to point at if the node is absent.
    YamlNode(const YAML::Node& node, std::string file, std::string key, int near_line);

    [[nodiscard]] const std::string& key() const { return key_; }
    [[nodiscard]] int line() const;  // from 1
    [[nodiscard]] bool present() const { return node_.IsDefined() && !node_.IsNull(); }

    // Throws unless this is a mapping all of whose keys are among `allowed`, each once.
    void expect_keys(std::initializer_list<std::string_view> allowed) const;
    // The value of a key of this mapping; present() is false if it is missing.
    [[nodiscard]] YamlNode child(std::string_view name) const;
    // The value of a key that must be there; `allowed` says what it should hold.
    [[nodiscard]] YamlNode required(std::string_view name, std::string_view allowed) const;
    // Names and values of a mapping whose names are the writer's own, in order, each name once; none if absent.
    [[nodiscard]] std::vector<std::pair<std::string, YamlNode>> entries(std::string_view allowed = "a mapping") const;
    // The elements of a sequence, none if absent.
    [[nodiscard]] std::vector<YamlNode> elements(std::string_view allowed = "a list") const;

    [[nodiscard]] std::string text(std::string_view allowed = "a text") const;
    [[nodiscard]] bool boolean() const;
    [[nodiscard]] std::uint64_t number(std::uint64_t least, std::uint64_t most) const;
    // "250ms", "15s", "10m", "24h"; a number alone is in seconds.
    [[nodiscard]] std::chrono::milliseconds duration(std::chrono::milliseconds least,
                                                     std::chrono::milliseconds most) const;
    // As above, or `otherwise` if the node is absent.
    [[nodiscard]] std::string text_or(std::string otherwise) const;
    [[nodiscard]] bool boolean_or(bool otherwise) const;
    [[nodiscard]] std::uint64_t number_or(std::uint64_t otherwise, std::uint64_t least, std::uint64_t most) const;
    [[nodiscard]] std::chrono::milliseconds duration_or(std::chrono::milliseconds otherwise,
                                                        std::chrono::milliseconds least,
                                                        std::chrono::milliseconds most) const;

    // "FILE:LINE: KEY: found FOUND; allowed: ALLOWED". What was found is taken from the node, cleaned and bounded.
    [[noreturn]] void fail(std::string_view allowed) const;
    // "FILE:LINE: KEY: WHAT".
    [[noreturn]] void complain(std::string_view what) const;

private:
    [[nodiscard]] std::string found() const;

    YAML::Node node_;
    std::string file_;
    std::string key_;
    int near_line_ = 0;
};

// The root of a document; an empty one is an empty mapping. Throws YamlError ("FILE:LINE: ...").
[[nodiscard]] YamlNode parse_yaml(const std::string& text, const std::string& file_name);
// The contents of a file of at most 4 MiB. Throws YamlError with what the system says.
[[nodiscard]] std::string read_text_file(const std::string& path);

// Runs `reader(root)`, which may throw YamlError, and gives its result or the error.
template <typename Reader>
auto from_yaml_text(const std::string& text, const std::string& file_name, Reader&& reader)
    -> Expected<std::invoke_result_t<Reader, const YamlNode&>> {
    try {
        return reader(parse_yaml(text, file_name));
    } catch (const YamlError& problem) {
        return error(ErrorKind::kInvalidArgument, problem.what());
    }
}
template <typename Reader>
auto from_yaml_file(const std::string& path, Reader&& reader)
    -> Expected<std::invoke_result_t<Reader, const YamlNode&>> {
    try {
        return reader(parse_yaml(read_text_file(path), path));
    } catch (const YamlError& problem) {
        return error(ErrorKind::kInvalidArgument, problem.what());
    }
}

}  // namespace heartgate::control
