// SPDX-License-Identifier: Apache-2.0
// How control plane functions fail: a sentence for a person, and what kind of failure it is for the caller.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace heartgate::control {

enum class ErrorKind {
    kInvalidArgument,  // what the caller gave is wrong; the message says what is allowed
    kNotFound,
    kFailedPrecondition,  // right request, wrong moment
    kUnauthenticated,
    kUnavailable,  // try again
    kInternal,
};

struct Error {
    ErrorKind kind = ErrorKind::kInternal;
    std::string message;  // what is wrong, where, and what to do
};

template <typename T>
using Expected = tl::expected<T, Error>;

inline tl::unexpected<Error> error(ErrorKind kind, std::string message) {
    return tl::unexpected<Error>(Error{kind, std::move(message)});
}

}  // namespace heartgate::control
