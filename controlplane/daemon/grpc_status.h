// SPDX-License-Identifier: Apache-2.0
// gRPC status codes as numbers, for what is answered through the listener, and what our errors become.
#pragma once

#include <cstdint>

#include "controlplane/common/error.h"

namespace heartgate::control {

// Values of grpc::StatusCode.
inline constexpr std::uint32_t kInvalidArgument = 3;
inline constexpr std::uint32_t kNotFound = 5;
inline constexpr std::uint32_t kFailedPrecondition = 9;
inline constexpr std::uint32_t kAborted = 10;
inline constexpr std::uint32_t kInternal = 13;
inline constexpr std::uint32_t kUnavailable = 14;
inline constexpr std::uint32_t kUnauthenticated = 16;

[[nodiscard]] constexpr std::uint32_t status_code(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::kInvalidArgument:
            return kInvalidArgument;
        case ErrorKind::kNotFound:
            return kNotFound;
        case ErrorKind::kFailedPrecondition:
            return kFailedPrecondition;
        case ErrorKind::kUnauthenticated:
            return kUnauthenticated;
        case ErrorKind::kUnavailable:
            return kUnavailable;
        case ErrorKind::kInternal:
            return kInternal;
    }
    return kInternal;
}

}  // namespace heartgate::control
