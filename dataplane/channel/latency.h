// SPDX-License-Identifier: Apache-2.0
// The histogram heartbeat read -> applied, with its quantiles.
#pragma once

#include "dataplane/contract/shared_state.h"

namespace heartgate::v1 {
class LatencyHistogram;
}

namespace heartgate::dataplane {

// Quantiles are the upper bound of their bucket, or the maximum where that is less.
[[nodiscard]] v1::LatencyHistogram latency_message(const contract::SharedState& state);

}  // namespace heartgate::dataplane
