// SPDX-License-Identifier: Apache-2.0
// An alarm of the dataplane as an event: with the names of those whom it is about.
#pragma once

#include <heartgate/v1/dataplane.pb.h>
#include <heartgate/v1/event.pb.h>

#include "controlplane/daemon/bindings.h"

namespace heartgate::control {

// The event's endpoint is the one that sent the frame, where its MAC is known.
[[nodiscard]] v1::Event alarm_event(const v1::Alarm& alarm, const Bindings& bindings);

}  // namespace heartgate::control
