// SPDX-License-Identifier: Apache-2.0
#include "dataplane/control/standalone_policy.h"

#include <fmt/format.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "heartgate/v1/policy.pb.h"

namespace heartgate::dataplane {
namespace {

class FirstError final : public google::protobuf::io::ErrorCollector {
public:
    void AddError(int line, google::protobuf::io::ColumnNumber, const std::string& message) override {
        if (text.empty()) text = fmt::format("{}: {}", line + 1, message);
    }
    std::string text;
};

}  // namespace

void read_policy(const std::string& path, v1::Policy& policy) {
    errno = 0;
    std::ifstream file{path};
    std::ostringstream text;
    if (!file || !(text << file.rdbuf())) {
        throw std::runtime_error{
            fmt::format("{}: cannot be read: {}", path, errno != 0 ? std::strerror(errno) : "it is empty")};
    }
    FirstError error;
    google::protobuf::TextFormat::Parser parser;
    parser.RecordErrorsTo(&error);
    if (!parser.ParseFromString(text.str(), &policy)) {
        throw std::runtime_error{
            fmt::format("{}:{}; expected: heartgate.v1.Policy in protobuf's text format", path, error.text)};
    }
}

}  // namespace heartgate::dataplane
