// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/alarm_event.h"

#include <fmt/format.h>

#include "controlplane/common/text.h"

namespace heartgate::control {
namespace {

constexpr std::size_t kMostText = 512;
constexpr std::size_t kMac = 6;

}  // namespace

v1::Event alarm_event(const v1::Alarm& alarm, const Bindings& bindings) {
    v1::Event event;
    event.set_kind(alarm.kind());
    std::string text = clean_text(alarm.text(), kMostText);
    if (alarm.mac().size() == kMac) event.set_mac(alarm.mac());
    const EndpointRecord* sender = bindings.with_mac(event.mac());
    if (sender != nullptr) {
        event.set_endpoint_id(sender->stored.id);
        event.set_host(sender->stored.host);
        event.set_colour(sender->stored.colour);
        event.set_presence(sender->stored.presence);
    }
    if (const auto address = IpAddress::from_wire(alarm.address())) {
        event.set_address(alarm.address());
        const EndpointRecord* owner = bindings.owner(*address);
        if (owner != nullptr && owner != sender)
            text += fmt::format(" ({} is {}'s)", address->text(), owner->stored.host);
    }
    event.set_text(std::move(text));
    return event;
}

}  // namespace heartgate::control
