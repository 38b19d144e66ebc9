// SPDX-License-Identifier: Apache-2.0
// Counters of ports and workers, gathered for those who ask.
#pragma once

#include <vector>

#include "dataplane/control/workers.h"
#include "dataplane/port/port.h"

namespace heartgate::v1 {
class Statistics;
}

namespace heartgate::dataplane {

// `configs` and `ports`: in the same order.
void add_statistics(const std::vector<PortConfig>& configs, const std::vector<Port>& ports, const Workers& workers,
                    v1::Statistics& statistics);

}  // namespace heartgate::dataplane
