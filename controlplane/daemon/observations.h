// SPDX-License-Identifier: Apache-2.0
// Drop watches and captures of administrators: started in the dataplane, asked for what came, stopped with their
// caller.
#pragma once

#include <heartgate/v1/observation.pb.h>

#include <boost/asio/io_context.hpp>
#include <memory>

#include "controlplane/daemon/administration/backend.h"
#include "controlplane/daemon/bindings.h"
#include "controlplane/daemon/dataplane_link.h"

namespace heartgate::control {

class Observations {
public:
    using Stop = AdministrationBackend::Stop;

    Observations(boost::asio::io_context& loop, DataplaneLink& dataplane, const Bindings& bindings)
        : loop_{loop}, dataplane_{dataplane}, bindings_{bindings} {}

    [[nodiscard]] Stop watch_drops(const v1::WatchDropsRequest& request,
                                   const AdministrationBackend::Sink<v1::DroppedPacket>& sink);
    [[nodiscard]] Stop capture(const v1::CaptureRequest& request,
                               const AdministrationBackend::Sink<v1::CapturedPackets>& sink);

private:
    boost::asio::io_context& loop_;
    DataplaneLink& dataplane_;
    const Bindings& bindings_;
};

}  // namespace heartgate::control
