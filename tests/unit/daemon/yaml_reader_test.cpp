// SPDX-License-Identifier: Apache-2.0
#include "controlplane/common/yaml_reader.h"

#include <catch2/catch.hpp>

using heartgate::control::from_yaml_file;
using heartgate::control::from_yaml_text;
using heartgate::control::YamlNode;
using std::chrono::milliseconds;

namespace {

template <typename Reader>
std::string mistake(const std::string& text, Reader reader) {
    const auto result = from_yaml_text(text, "x.yaml", [&](const YamlNode& root) {
        reader(root);
        return true;
    });
    return result ? "none" : result.error().message;
}

}  // namespace

TEST_CASE("an unknown key is named with its file and line, and with what is allowed") {
    CHECK(mistake("a: 1\nb:\n  c: 2\n  d: 3\n", [](const YamlNode& root) {
              root.child("b").expect_keys({"c", "e"});
          }) == "x.yaml:4: b.d: unknown key; allowed: c, e");
}

TEST_CASE("a key that is given twice is refused") {
    CHECK(mistake("a: 1\na: 2\n", [](const YamlNode& root) { root.expect_keys({"a"}); }) ==
          "x.yaml:2: a: given twice; allowed: once");
}

TEST_CASE("a value outside its range is shown beside the range") {
    CHECK(mistake("port: 70000\n", [](const YamlNode& root) { (void)root.child("port").number(1, 65535); }) ==
          "x.yaml:1: port: found '70000'; allowed: a number from 1 to 65535");
    CHECK(mistake("port: -1\n", [](const YamlNode& root) { (void)root.child("port").number(0, 9); }) ==
          "x.yaml:1: port: found '-1'; allowed: a number from 0 to 9");
    CHECK(mistake("list: {}\n", [](const YamlNode& root) { (void)root.child("list").elements(); }) ==
          "x.yaml:1: list: found a mapping; allowed: a list");
    CHECK(mistake("yes: maybe\n", [](const YamlNode& root) { (void)root.child("yes").boolean(); }) ==
          "x.yaml:1: yes: found 'maybe'; allowed: true or false");
}

TEST_CASE("a missing key is reported at the mapping that should hold it") {
    CHECK(mistake("\n\na:\n  b: 1\n", [](const YamlNode& root) { (void)root.child("a").required("c", "a name"); }) ==
          "x.yaml:4: a.c: found nothing; allowed: a name");
}

TEST_CASE("text that is not YAML is reported by line, an absent file by name") {
    CHECK(mistake("a: [1\nb: 2\n", [](const YamlNode&) {}).rfind("x.yaml:2: not valid YAML", 0) == 0);
    const auto absent = from_yaml_file("/nonexistent/x.yaml", [](const YamlNode&) { return true; });
    REQUIRE_FALSE(absent);
    CHECK(absent.error().message == "/nonexistent/x.yaml: cannot be read: No such file or directory");
}

TEST_CASE("durations carry their unit, a bare number is in seconds") {
    const auto duration = [](const std::string& text) {
        return from_yaml_text("d: " + text, "x.yaml",
                              [](const YamlNode& root) {
                                  return root.child("d").duration(milliseconds{100}, std::chrono::hours{48});
                              })
            .value_or(milliseconds{-1});
    };
    CHECK(duration("250ms") == milliseconds{250});
    CHECK(duration("15s") == std::chrono::seconds{15});
    CHECK(duration("15") == std::chrono::seconds{15});
    CHECK(duration("10m") == std::chrono::minutes{10});
    CHECK(duration("24h") == std::chrono::hours{24});
    for (const char* wrong : {"99ms", "49h", "1d", "s", "1.5s", "-1s", "4294967296s"}) {
        CHECK(duration(wrong) == milliseconds{-1});
    }
}

TEST_CASE("control characters of a wrong value do not reach the terminal") {
    CHECK(mistake("a: \"\\e[31m\"\n", [](const YamlNode& root) { (void)root.child("a").boolean(); }) ==
          "x.yaml:1: a: found '?[31m'; allowed: true or false");
}
