// SPDX-License-Identifier: Apache-2.0
// A clock that is set by hand, a transport and a notifier that remember.
#pragma once

#include <string>
#include <vector>

#include "controlplane/agent/core/moment.h"
#include "controlplane/agent/core/notice.h"
#include "controlplane/agent/core/transport.h"

namespace heartgate::control::agent::test {

using namespace std::chrono_literals;

class ManualClock final : public Clock {
public:
    [[nodiscard]] Moment now() const override { return now_; }
    void pass(Milliseconds time) {
        now_.monotonic += time;
        now_.unix_ms += time.count();
    }
    void set_calendar(std::int64_t unix_ms) { now_.unix_ms = unix_ms; }

private:
    Moment now_{5'000'000ms, 1'764'000'000'000};
};

class RecordingTransport final : public Transport {
public:
    void open(std::uint64_t stream, const Gateway& gateway) override {
        streams.push_back(stream);
        gateways.push_back(gateway.text());
    }
    void send(const v1::Heartbeat& heartbeat) override { sent.push_back(heartbeat); }
    void finish(const v1::Heartbeat& goodbye) override {
        sent.push_back(goodbye);
        finished = true;
    }
    void abort() override { ++aborted; }

    std::vector<std::uint64_t> streams;
    std::vector<std::string> gateways;
    std::vector<v1::Heartbeat> sent;
    bool finished = false;
    int aborted = 0;
};

class RecordingNotifier final : public Notifier {
public:
    void tell(const Notice& notice) override { told.push_back(notice); }
    std::vector<Notice> told;
};

inline Detection eicar_at(const std::string& path) {
    return {"Eicar-Test-Signature", path, std::string(32, 's'), "eicar"};
}

}  // namespace heartgate::control::agent::test
