// SPDX-License-Identifier: Apache-2.0
// Calls that go on until somebody ends them: an interrupt ends them properly, so that what was begun is completed.
#pragma once

#include <grpcpp/client_context.h>

#include <atomic>
#include <thread>

namespace heartgate::control::cli {

// While it lives, SIGINT and SIGTERM cancel the call. To be made before any thread of gRPC is, which would get them.
class CancelOnSignal {
public:
    explicit CancelOnSignal(grpc::ClientContext& call);
    ~CancelOnSignal();
    CancelOnSignal(const CancelOnSignal&) = delete;
    CancelOnSignal& operator=(const CancelOnSignal&) = delete;

    [[nodiscard]] bool cancelled() const { return cancelled_; }

private:
    void wait(grpc::ClientContext& call);

    sigset_t signals_{};
    sigset_t before_{};
    std::atomic<bool> done_{false};
    std::atomic<bool> cancelled_{false};
    std::thread waiter_;
};

}  // namespace heartgate::control::cli
