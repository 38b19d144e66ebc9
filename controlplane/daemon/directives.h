// SPDX-License-Identifier: Apache-2.0
// What agents are told: whether and why their machine is cut off, what its user can do, and which peers to refuse.
// Sent when something changes, each change once, after everything that matters for packets.
#pragma once

#include <heartgate/v1/heartbeat.pb.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "controlplane/daemon/endpoint_record.h"

namespace heartgate::control {

class Directives {
public:
    using Send = std::function<void(std::uint64_t stream, const v1::Directive&)>;

    // `wake`: have flush() called soon.
    Directives(std::chrono::milliseconds interval, Send send, std::function<void()> wake);

    void set_whom_to_call(std::string whom) { whom_to_call_ = std::move(whom); }
    // Something about this endpoint may have changed.
    void mark(EndpointRecord& record);
    void flush(const std::map<std::uint32_t, std::unique_ptr<EndpointRecord>>& records);

private:
    [[nodiscard]] v1::Directive directive(const EndpointRecord& record) const;
    // Bounded: what exceeds a frame would end the connection to the listener for everybody.
    [[nodiscard]] std::map<std::uint32_t, std::string> refused_peers(
        const std::map<std::uint32_t, std::unique_ptr<EndpointRecord>>& records);
    void tell(EndpointRecord& record);

    std::chrono::milliseconds interval_;
    Send send_;
    std::function<void()> wake_;
    std::string whom_to_call_;
    std::set<EndpointRecord*> marked_;
    std::map<std::uint32_t, std::string> refused_;  // sick endpoints by index: their v1::Peer messages in a Directive
    bool list_cut_ = false;
};

// One sentence for the user, and one on what to do; both empty while the machine passes and has nothing open.
struct Explanation {
    std::string why;
    std::string what_to_do;
};
[[nodiscard]] Explanation explain(const EndpointRecord& record);

}  // namespace heartgate::control
