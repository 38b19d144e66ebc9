// SPDX-License-Identifier: Apache-2.0
// A whole heartgated on one loop, between a double of the dataplane (socket and rings) and a double of the listener
// (socket). Neither DPDK nor gRPC; real database, real CA, real sockets.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/common/framed_socket.h"
#include "controlplane/daemon/daemon.h"
#include "controlplane/pki/key.h"
#include "controlplane/store/sqlite_store.h"

namespace heartgate::control::test {

using boost::asio::local::stream_protocol;

class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string name = (std::filesystem::temp_directory_path() / "heartgate-daemon-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error{"no temporary directory"};
        path_ = name;
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    [[nodiscard]] std::string operator/(const char* name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

// A store whose writes can be held back, as by a slow disk, or refused, as by a full one.
class SlowStore : public Store {
public:
    explicit SlowStore(std::unique_ptr<Store> store) : store_{std::move(store)} {}
    Expected<StoredState> load(std::size_t events) override { return store_->load(events); }
    Expected<void> write(const std::vector<StoreChange>& changes) override {
        std::unique_lock lock{mutex_};
        wake_.wait(lock, [this] { return !held_; });
        if (full_) return error(ErrorKind::kInternal, "the disk is full");
        return store_->write(changes);
    }
    void fill(bool full) {
        const std::lock_guard lock{mutex_};
        full_ = full;
    }
    void hold(bool held) {
        const std::lock_guard lock{mutex_};
        held_ = held;
        wake_.notify_all();
    }

private:
    std::unique_ptr<Store> store_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool held_ = false;
    bool full_ = false;
};

// Rings that apply at once what they are given, and remember it.
struct AppliedRings {
    std::vector<contract::HealthMessage> health;
    std::vector<contract::HealthMessage> sync;
    std::uint64_t applied = 0;
    std::uint32_t incarnation = 0;
    std::uint32_t synced = 0;
    std::uint64_t failed_binds = 0;
    bool stalled = false;  // takes what it is given, applies nothing

    // What the dataplane holds of this endpoint now.
    [[nodiscard]] std::optional<contract::EndpointState> state(std::uint32_t endpoint) const {
        std::uint64_t newest = 0;
        std::optional<contract::EndpointState> result;
        for (const auto* ring : {&health, &sync}) {
            for (const contract::HealthMessage& message : *ring) {
                if (message.type != static_cast<std::uint8_t>(contract::MessageType::kEndpointState)) continue;
                if (message.endpoint != endpoint || message.sequence < newest) continue;
                newest = message.sequence;
                result = contract::EndpointWord::decode(message.state);
            }
        }
        return result;
    }
};

class AppliedRingsView : public MessageRings {
public:
    explicit AppliedRingsView(AppliedRings& rings) : rings_{rings} {}
    bool put_health(const contract::HealthMessage& message) override {
        rings_.health.push_back(message);
        if (!rings_.stalled) rings_.applied = message.sequence;
        return true;
    }
    bool put_sync(const contract::HealthMessage& message) override {
        rings_.sync.push_back(message);
        if (message.type == static_cast<std::uint8_t>(contract::MessageType::kEndOfSync)) {
            rings_.synced = message.incarnation;
        }
        return true;
    }
    std::uint64_t applied_sequence() const override { return rings_.applied; }
    std::uint64_t applied_ns() const override {
        return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
    }
    std::uint32_t incarnation() const override { return rings_.incarnation; }
    std::uint32_t synced_incarnation() const override { return rings_.synced; }
    contract::DataplaneState state() const override {
        return rings_.synced != 0 ? contract::DataplaneState::kForwarding : contract::DataplaneState::kWaiting;
    }
    std::uint64_t failed_binds() const override { return rings_.failed_binds; }

private:
    AppliedRings& rings_;
};

class FakeDataplane {
public:
    FakeDataplane(boost::asio::io_context& loop, const std::string& path)
        : acceptor_{loop, stream_protocol::endpoint{path}} {
        accept();
    }
    ~FakeDataplane() { end(); }
    FakeDataplane(const FakeDataplane&) = delete;
    FakeDataplane& operator=(const FakeDataplane&) = delete;
    void end() {
        alive = false;
        if (socket_) socket_->close();
        socket_.reset();
    }

    bool alive = false;
    std::string policy_refusal;
    std::function<bool(const v1::Policy&)> refuses;  // with policy_refusal; unset: all of them
    int checked_policies = 0;
    std::vector<v1::Policy> policies;
    std::vector<std::uint32_t> active;  // endpoints whose traffic is seen now
    AppliedRings rings;
    v1::FlowFilter flow_filter;                     // as it last came
    v1::TakeAlarmsReply alarms;                     // for the next one that asks
    v1::StartObservationRequest observation;        // as it last came
    std::deque<v1::TakeObservationReply> observed;  // one for each that asks, then empty ones
    std::uint64_t stopped_observation = 0;          // its id
    std::uint32_t most_taken = 0;                   // of the last one that asked

private:
    void accept();
    void answer(std::string_view frame);

    stream_protocol::acceptor acceptor_;
    std::shared_ptr<FramedSocket> socket_;
};

class FakeListener {
public:
    FakeListener(boost::asio::io_context& loop, const std::string& path);
    ~FakeListener() { socket_->close(); }
    FakeListener(const FakeListener&) = delete;
    FakeListener& operator=(const FakeListener&) = delete;

    void hello();
    void open(std::uint64_t stream, const std::string& id, const std::string& address);
    void beat(std::uint64_t stream, const v1::Heartbeat& heartbeat);
    void close(std::uint64_t stream);
    void replayed();
    void enrol(std::uint64_t call, const std::string& token, const std::string& csr, const std::string& machine = {});
    void send(const v1::ListenerToDaemon& message) { socket_->send(message.SerializeAsString()); }

    std::vector<v1::DaemonToListener> received;
    [[nodiscard]] const v1::Directive* directive(std::uint64_t stream) const;  // the last one
    [[nodiscard]] const v1::CloseStream* closed(std::uint64_t stream) const;
    [[nodiscard]] const v1::EnrolmentAnswer* answer(std::uint64_t call) const;

private:
    std::shared_ptr<FramedSocket> socket_;
};

class World {
public:
    World();
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // Runs the loop until the condition holds; false after 20 seconds.
    bool until(const std::function<bool()>& condition);
    // As a crash and a new start: same database. `between`: while it is not running.
    void restart(const std::function<void()>& between = [] {});
    void connect_listener();  // and replays nothing
    void start_dataplane();   // and waits for the sync
    // Enrols a new endpoint; its id.
    std::string enrol(const std::string& host);
    std::string token();
    [[nodiscard]] v1::Endpoint endpoint(const std::string& id);

    TemporaryDirectory directory;
    std::unique_ptr<boost::asio::io_context> loop = std::make_unique<boost::asio::io_context>(1);
    std::unique_ptr<FakeDataplane> dataplane;
    std::unique_ptr<FakeListener> listener;
    SlowStore* store = nullptr;
    std::unique_ptr<Daemon> daemon;
    int started_anew = 0;

private:
    void start();
    std::uint64_t calls_ = 0;
};

v1::Heartbeat heartbeat(std::uint64_t sequence, v1::Colour colour, const std::string& host = "adserver");

}  // namespace heartgate::control::test
