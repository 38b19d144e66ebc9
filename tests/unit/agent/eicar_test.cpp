// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/core/eicar.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

namespace heartgate::control::agent {
namespace {

bool matches(const std::string& contents) {
    return is_eicar_test_file({reinterpret_cast<const std::uint8_t*>(contents.data()), contents.size()});
}

class TextSource final : public ScanSource {
public:
    explicit TextSource(std::string text) : text_{std::move(text)} {}
    [[nodiscard]] std::uint64_t size() const override { return text_.size(); }
    Expected<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> bytes) override {
        const std::size_t length = std::min(bytes.size(), text_.size() - std::min<std::size_t>(offset, text_.size()));
        std::copy_n(text_.begin() + static_cast<std::ptrdiff_t>(offset), length, bytes.begin());
        return length;
    }

private:
    std::string text_;
};

TEST_CASE("the test file is recognised with and without the white space its definition allows") {
    const std::string eicar = eicar_test_string();
    REQUIRE(eicar.size() == kEicarBytes);
    CHECK(eicar.substr(0, 4) == "X5O!");
    CHECK(matches(eicar));
    CHECK(matches(eicar + "\n"));
    CHECK(matches(eicar + " \t\r\n\x1a"));
    CHECK(matches(eicar + std::string(kMostEicarFileBytes - kEicarBytes, ' ')));
}

TEST_CASE("anything else is not the test file") {
    const std::string eicar = eicar_test_string();
    CHECK_FALSE(matches(""));
    CHECK_FALSE(matches(eicar.substr(0, kEicarBytes - 1)));
    CHECK_FALSE(matches(" " + eicar));
    CHECK_FALSE(matches(eicar + "x"));
    CHECK_FALSE(matches(eicar + std::string(1, '\0')));
    CHECK_FALSE(matches(eicar + "\v"));
    CHECK_FALSE(matches(eicar + std::string(kMostEicarFileBytes - kEicarBytes + 1, ' ')));
    for (std::size_t i = 0; i < eicar.size(); ++i) {
        std::string other = eicar;
        other[i] = static_cast<char>(other[i] ^ 0x20);
        CHECK_FALSE(matches(other));
    }
}

TEST_CASE("the detector names the test file and passes what is too small or too large by size alone") {
    EicarDetector detector;
    TextSource infected{eicar_test_string() + "\n"};
    CHECK(detector.scan(infected).value() == std::optional<std::string>{kEicarFinding});
    TextSource clean{std::string(70, 'a')};
    CHECK(detector.scan(clean).value() == std::nullopt);
    TextSource large{eicar_test_string() + std::string(100, ' ')};
    CHECK(detector.scan(large).value() == std::nullopt);
}

TEST_CASE("the string does not stand in this program, so that no scanner takes it away") {
    std::ifstream file{"/proc/self/exe", std::ios::binary};
    const std::string program{std::istreambuf_iterator<char>{file}, {}};
    REQUIRE(program.find("Eicar-Test-Signature") != std::string::npos);  // it is this program, and complete
    CHECK(program.find(eicar_test_string()) == std::string::npos);
}

}  // namespace
}  // namespace heartgate::control::agent
