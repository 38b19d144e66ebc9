// SPDX-License-Identifier: Apache-2.0
// Counters of ports and workers, gathered for those who ask.
#pragma once

#include <array>

#include "dataplane/control/workers.h"
#include "dataplane/port/port.h"

namespace heartgate::v1 {
class Statistics;
}

namespace heartgate::dataplane {

void add_statistics(const std::array<Port, kPorts>& ports, const Workers& workers, v1::Statistics& statistics);

}  // namespace heartgate::dataplane
