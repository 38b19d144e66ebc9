// SPDX-License-Identifier: Apache-2.0
// The agent's UNIX socket: one request and one reply per connection, each preceded by its length (4 bytes, network
// order). Everybody on the machine may ask for the status; only root and the agent's own user may order something.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "agent_state.pb.h"
#include "controlplane/agent/linux/unique_fd.h"
#include "controlplane/common/error.h"

namespace heartgate::control::agent {

class ControlSocket {
public:
    using Handler =
        std::function<heartgate::agent::v1::ControlReply(const heartgate::agent::v1::ControlRequest& request)>;

    // An error if another agent answers there already.
    static Expected<std::unique_ptr<ControlSocket>> listen(const std::string& path, Handler handler);
    ~ControlSocket();
    ControlSocket(const ControlSocket&) = delete;
    ControlSocket& operator=(const ControlSocket&) = delete;

private:
    ControlSocket(std::string path, Handler handler, UniqueFd socket, UniqueFd stop);
    void run();
    void serve(int connection) const;

    const std::string path_;
    const Handler handler_;
    const UniqueFd socket_;
    const UniqueFd stop_;
    std::thread thread_;
};

// The other side. kUnavailable: no agent answers there.
[[nodiscard]] Expected<heartgate::agent::v1::ControlReply> ask_agent(
    const std::string& path, const heartgate::agent::v1::ControlRequest& request);

}  // namespace heartgate::control::agent
