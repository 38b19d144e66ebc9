// SPDX-License-Identifier: Apache-2.0
#include "controlplane/cli/stream_call.h"

#include <csignal>

namespace heartgate::control::cli {

CancelOnSignal::CancelOnSignal(grpc::ClientContext& call) {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, &before_);
    waiter_ = std::thread{[this, &call] { wait(call); }};
}

CancelOnSignal::~CancelOnSignal() {
    done_ = true;
    waiter_.join();
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void CancelOnSignal::wait(grpc::ClientContext& call) {
    constexpr timespec kLook{.tv_sec = 0, .tv_nsec = 50'000'000};  // for the end of the call
    while (!done_) {
        if (sigtimedwait(&signals_, nullptr, &kLook) < 0) continue;
        cancelled_ = true;
        call.TryCancel();
        return;
    }
}

}  // namespace heartgate::control::cli
