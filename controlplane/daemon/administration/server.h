// SPDX-License-Identifier: Apache-2.0
// gRPC on a UNIX socket for hgctl: all services of the contract but Heartbeat and Enrolment, which are the listener's.
// gRPC's threads only decode and post.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "controlplane/common/error.h"
#include "controlplane/daemon/administration/backend.h"

namespace heartgate::control {

class AdministrationServer {
public:
    // Listens at `path` (mode 0600) until destroyed. `backend` and `loop` must outlive it, and the loop must run while
    // it is being destroyed, on another thread.
    [[nodiscard]] static Expected<std::unique_ptr<AdministrationServer>> listen(const std::string& path,
                                                                                boost::asio::io_context& loop,
                                                                                AdministrationBackend& backend);
    ~AdministrationServer();
    AdministrationServer(const AdministrationServer&) = delete;
    AdministrationServer& operator=(const AdministrationServer&) = delete;

private:
    struct Parts;
    explicit AdministrationServer(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace heartgate::control
