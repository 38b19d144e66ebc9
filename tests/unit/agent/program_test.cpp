// SPDX-License-Identifier: Apache-2.0
// The whole program against a gateway on loopback: files are really written, found, removed.
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <thread>

#include "controlplane/agent/core/eicar.h"
#include "controlplane/agent/linux/control_socket.h"
#include "tests/unit/agent/fake_gateway.h"

namespace heartgate::control::agent {
namespace {

using namespace test;
namespace fs = std::filesystem;

void write_file(const std::string& path, const std::string& contents) { std::ofstream{path} << contents; }

bool set_immutable(const std::string& path, bool immutable) {
    const UniqueFd fd{::open(path.c_str(), O_RDONLY)};
    int flags = immutable ? FS_IMMUTABLE_FL : 0;
    return ::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags) == 0;
}

bool has_reason(const v1::Heartbeat& heartbeat, v1::ReasonCode code) {
    for (const v1::Reason& reason : heartbeat.reasons()) {
        if (reason.code() == code) return true;
    }
    return false;
}

class Machine {
public:
    explicit Machine(FakeGateway& gateway) : gateway_{gateway} {
        fs::create_directory(home());
        const std::string script = directory_.path() + "/notify";
        write_file(script, "#!/bin/sh\n(echo \"== $HEARTGATE_EVENT\"; cat) >> " + directory_.path() + "/told\n");
        fs::permissions(script, fs::perms::owner_all);
        write_file(config(), "gateway: {addresses: [127.0.0.1], port: " + std::to_string(gateway.address().port) +
                                 "}\nstate_directory: " + directory_.path() +
                                 "/state\nrefuse_peers: false\ncontrol_socket: " + socket() + "\nwatch: [" + home() +
                                 "]\ninterval_ms: 200\ndwell_s: 300ms\nrepeat_within_s: 0\n" + "notify: [" + script +
                                 "]\nhost: DESKTOP\nuser: anna\n");
    }
    ~Machine() {
        if (running_ != 0) stop(SIGKILL);
    }
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    int command(std::vector<std::string> words) {
        const pid_t child = start(std::move(words));
        int status = 0;
        ::waitpid(child, &status, 0);
        return WEXITSTATUS(status);
    }
    // What was heard before is of a former run.
    void run() {
        heard_before_ = gateway_.heartbeats().size();
        running_ = start({"run"});
    }
    int stop(int signal) {
        ::kill(running_, signal);
        int status = 0;
        ::waitpid(std::exchange(running_, 0), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    // Whether the gateway comes to hear this colour and reason last.
    bool reports(v1::Colour colour, v1::ReasonCode code) {
        return gateway_.wait([&](const std::vector<v1::Heartbeat>& heard) {
            return heard.size() > heard_before_ && heard.back().colour() == colour && has_reason(heard.back(), code);
        });
    }
    // The same of any kind of heartbeat, with time for a detector to be asked again.
    template <typename Condition>
    bool comes_to(Condition&& condition) {
        for (int i = 0; i < 4; ++i) {
            if (gateway_.wait(
                    [&](const auto& heard) { return heard.size() > heard_before_ && condition(heard.back()); })) {
                return true;
            }
        }
        return false;
    }
    [[nodiscard]] std::string home() const { return directory_.path() + "/home"; }
    [[nodiscard]] std::string socket() const { return directory_.path() + "/agent.sock"; }
    [[nodiscard]] std::string config() const { return directory_.path() + "/agent.yaml"; }
    [[nodiscard]] std::string state_directory() const { return directory_.path() + "/state"; }
    [[nodiscard]] std::string quarantine() const { return state_directory() + "/quarantine"; }
    [[nodiscard]] std::string told() const {
        std::ifstream file{directory_.path() + "/told"};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    heartgate::agent::v1::AgentStatus status() {
        heartgate::agent::v1::ControlRequest request;
        request.mutable_status();
        return ask_agent(socket(), request).value().status();
    }

private:
    pid_t start(std::vector<std::string> words) {
        words.insert(words.begin(), {HEARTGATE_AGENT, "--config", config()});
        std::vector<char*> arguments;
        for (std::string& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        pid_t child = 0;
        REQUIRE(::posix_spawn(&child, HEARTGATE_AGENT, nullptr, nullptr, arguments.data(), environ) == 0);
        return child;
    }

    FakeGateway& gateway_;
    TemporaryDirectory directory_;
    pid_t running_ = 0;
    std::size_t heard_before_ = 0;
};

// clamd, which at first refuses everything; once it works it says which signatures it has and finds something in files
// that begin with "bad".
class FakeClamd {
public:
    explicit FakeClamd(const std::string& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(socket_.get(), 16) == 0);
        thread_ = std::thread{[this] { serve(); }};
    }
    ~FakeClamd() {
        ::shutdown(socket_.get(), SHUT_RDWR);
        thread_.join();
    }
    FakeClamd(const FakeClamd&) = delete;
    FakeClamd& operator=(const FakeClamd&) = delete;
    void work() { works_ = true; }
    [[nodiscard]] unsigned refused_files() const { return refused_files_; }

private:
    void serve() {
        for (;;) {
            const UniqueFd connection{::accept(socket_.get(), nullptr, nullptr)};
            if (!connection.valid()) return;
            answer(connection.get());
        }
    }
    void answer(int connection) {
        const std::string version("zVERSION\0", 9);
        const std::string end("\0\0\0\0", 4);
        std::string heard;
        std::array<char, 4096> buffer{};
        while (heard != version && !heard.ends_with(end)) {
            const ssize_t length = ::recv(connection, buffer.data(), buffer.size(), 0);
            if (length <= 0) return;
            heard.append(buffer.data(), static_cast<std::size_t>(length));
        }
        std::string reply = "stream: OK";
        if (!works_) {
            reply = "out of memory. ERROR";
            if (heard != version) ++refused_files_;
        } else if (heard == version) {
            const std::time_t now = std::time(nullptr);
            std::tm time{};
            ::gmtime_r(&now, &time);
            std::array<char, 64> date{};
            std::strftime(date.data(), date.size(), "%a %b %d %H:%M:%S %Y", &time);
            reply = std::string{"ClamAV 1.0.3/27106/"} + date.data();
        } else if (heard.compare(14, 3, "bad") == 0) {  // after the command and the length
            reply = "stream: Win.Test-1 FOUND";
        }
        ::send(connection, reply.c_str(), reply.size() + 1, MSG_NOSIGNAL);
    }

    std::atomic<bool> works_{false};
    std::atomic<unsigned> refused_files_{0};
    UniqueFd socket_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    std::thread thread_;
};

// One condition on the outside world, looked at until it holds; false after so many hundredths of a second.
template <typename Condition>
bool becomes_true(Condition&& condition, int most = 1000) {
    for (int i = 0; i < most; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    return false;
}

struct Enrolled {
    Enrolled() {
        REQUIRE(machine.command({"enrol", "--token", gateway.token()}) == 0);
        machine.run();
        REQUIRE(machine.reports(v1::GREEN, v1::UNPROTECTED));
    }
    FakeGateway gateway;
    Machine machine{gateway};
};

TEST_CASE("the test file is found as it is written, reported, removed; the machine is GREEN after the dwell time") {
    Enrolled lab;
    const std::string file = lab.machine.home() + "/new directory/eicar.com";
    fs::create_directory(lab.machine.home() + "/new directory");
    timespec before{};
    ::clock_gettime(CLOCK_MONOTONIC, &before);
    write_file(file, eicar_test_string());
    REQUIRE(lab.machine.reports(v1::YELLOW, v1::DWELL_TIME));
    CHECK_FALSE(fs::exists(file));
    REQUIRE(lab.machine.reports(v1::GREEN, v1::UNPROTECTED));

    bool reported = false;
    for (const v1::Heartbeat& heartbeat : lab.gateway.heartbeats()) {
        if (!has_reason(heartbeat, v1::MALWARE_DETECTED) || heartbeat.detected_monotonic_ns() == 0) continue;
        reported = true;
        CHECK(heartbeat.colour() == v1::YELLOW);
        CHECK(heartbeat.reasons(0).path() == file);
        CHECK(heartbeat.reasons(0).finding() == kEicarFinding);
        CHECK(heartbeat.reasons(0).sha256().size() == 32);
        CHECK(heartbeat.detected_monotonic_ns() > static_cast<std::uint64_t>(before.tv_sec) * 1'000'000'000);
    }
    CHECK(reported);

    std::size_t kept = 0;
    for (const auto& entry : fs::directory_iterator{lab.machine.quarantine()}) {
        std::ifstream contents{entry.path(), std::ios::binary};
        const std::string text{std::istreambuf_iterator<char>{contents}, {}};
        CHECK(text.find(eicar_test_string()) == std::string::npos);
        ++kept;
    }
    CHECK(kept == 2);  // the copy and its description
    CHECK(becomes_true([&] { return lab.machine.told().find("== cleaned") != std::string::npos; }));
    CHECK(lab.machine.told().find("== detected") < lab.machine.told().find("== cleaned"));
    CHECK(lab.machine.stop(SIGTERM) == 0);
}

TEST_CASE("a file that is moved in is found, one that only resembles the test file is not") {
    Enrolled lab;
    const std::string outside = lab.machine.home() + ".outside";
    write_file(outside, eicar_test_string() + "\r\n");
    const std::size_t before = lab.gateway.heartbeats().size();
    write_file(lab.machine.home() + "/resembling", eicar_test_string() + "!");
    REQUIRE(lab.gateway.wait([&](const auto& heard) { return heard.size() >= before + 3; }));
    for (const v1::Heartbeat& heartbeat : lab.gateway.heartbeats()) CHECK(heartbeat.colour() == v1::GREEN);

    fs::rename(outside, lab.machine.home() + "/moved");
    REQUIRE(lab.machine.reports(v1::YELLOW, v1::DWELL_TIME));
    CHECK_FALSE(fs::exists(lab.machine.home() + "/moved"));
    CHECK(fs::exists(lab.machine.home() + "/resembling"));
}

TEST_CASE("a file that cannot be removed makes the machine RED; removed by hand and scanned again it comes back") {
    Enrolled lab;
    const std::string file = lab.machine.home() + "/stuck.com";
    const std::string outside = lab.machine.home() + ".outside";
    write_file(outside, eicar_test_string());
    if (!set_immutable(outside, true)) {
        std::puts("SKIP the file system of the temporary directory has no immutable files");
        return;
    }
    set_immutable(outside, false);
    // Put there and made immutable before the agent hears of it: it is stopped meanwhile.
    lab.machine.stop(SIGKILL);
    fs::rename(outside, file);
    REQUIRE(set_immutable(file, true));
    lab.machine.run();
    REQUIRE(lab.machine.reports(v1::RED, v1::MALWARE_NOT_CLEANED));
    CHECK(fs::exists(file));
    CHECK(lab.machine.status().colour() == v1::RED);
    CHECK(becomes_true([&] { return lab.machine.told().find("chattr") != std::string::npos; }));
    CHECK(lab.machine.told().find("== not_cleaned") < lab.machine.told().find("chattr"));

    // Neither a goodbye nor a restart makes it better.
    CHECK(lab.machine.stop(SIGTERM) == 0);
    CHECK(lab.gateway.heartbeats().back().goodbye());
    CHECK(lab.gateway.heartbeats().back().colour() == v1::RED);
    const std::size_t before = lab.gateway.heartbeats().size();
    lab.machine.run();
    REQUIRE(lab.machine.reports(v1::RED, v1::MALWARE_NOT_CLEANED));
    const auto heard = lab.gateway.heartbeats();
    for (std::size_t i = before; i < heard.size(); ++i) CHECK(heard[i].colour() != v1::GREEN);

    REQUIRE(set_immutable(file, false));
    fs::remove(file);
    CHECK(lab.machine.command({"rescan"}) == 0);
    REQUIRE(lab.machine.reports(v1::YELLOW, v1::DWELL_TIME));
    REQUIRE(lab.machine.reports(v1::GREEN, v1::UNPROTECTED));
}

TEST_CASE("while clamd does not work the machine is YELLOW; what it could not judge it judges later") {
    FakeGateway gateway;
    Machine machine{gateway};
    const std::string clamd_socket = machine.home() + ".clamd";
    std::ofstream{machine.config(), std::ios::app} << "clamd_socket: " << clamd_socket << "\n";
    FakeClamd clamd{clamd_socket};
    REQUIRE(machine.command({"enrol", "--token", gateway.token()}) == 0);
    machine.run();
    REQUIRE(machine.reports(v1::YELLOW, v1::DETECTOR_NOT_RUNNING));
    const std::string file = machine.home() + "/file";
    write_file(file, "bad");
    write_file(machine.home() + "/harmless", "good");
    REQUIRE(becomes_true([&] { return clamd.refused_files() >= 2; }));
    clamd.work();
    REQUIRE(machine.comes_to([&](const v1::Heartbeat& heartbeat) { return has_reason(heartbeat, v1::DWELL_TIME); }));
    CHECK_FALSE(fs::exists(file));
    CHECK(fs::exists(machine.home() + "/harmless"));
    REQUIRE(machine.comes_to([&](const v1::Heartbeat& heartbeat) { return heartbeat.colour() == v1::GREEN; }));
    // From here on all has been looked at, and the next start begins there.
    CHECK(becomes_true([&] { return fs::exists(machine.state_directory() + "/watched"); }, 3000));
}

TEST_CASE("numbers of heartbeats grow over a kill of the program") {
    Enrolled lab;
    const v1::Heartbeat last = lab.gateway.heartbeats().back();
    lab.machine.stop(SIGKILL);
    const std::size_t before = lab.gateway.heartbeats().size();
    lab.machine.run();
    REQUIRE(lab.gateway.wait([&](const auto& heard) { return heard.size() > before + 1; }));
    const auto heard = lab.gateway.heartbeats();
    CHECK(heard.back().boot() == last.boot());
    for (std::size_t i = 1; i < heard.size(); ++i) CHECK(heard[i].sequence() > heard[i - 1].sequence());
}

TEST_CASE("a state that could not be written is written once it can be") {
    Enrolled lab;
    const std::string state = lab.machine.state_directory() + "/state";
    fs::create_directory(state + ".new");  // in the way of the file
    const auto before = fs::last_write_time(state);
    write_file(lab.machine.home() + "/eicar.com", eicar_test_string());
    REQUIRE(lab.machine.reports(v1::YELLOW, v1::DWELL_TIME));
    REQUIRE(lab.machine.reports(v1::GREEN, v1::UNPROTECTED));
    CHECK(fs::last_write_time(state) == before);
    fs::remove(state + ".new");
    CHECK(becomes_true([&] { return fs::last_write_time(state) != before; }));
}

TEST_CASE("the token comes from standard input, where no list of processes shows it") {
    FakeGateway gateway;
    const Machine machine{gateway};
    const auto enrol = [&](const std::string& input) {
        const std::string agent = std::string{HEARTGATE_AGENT} + " --config " + machine.config();
        return WEXITSTATUS(std::system(("printf '" + input + "' | " + agent + " enrol --token-file -").c_str()));
    };
    CHECK(enrol("") == 1);
    CHECK(gateway.tokens().empty());
    CHECK(enrol(gateway.token() + "\\n") == 0);
    CHECK(gateway.tokens().size() == 1);
}

TEST_CASE("the user is told of a cut-off and the status shows it with reason and remedy") {
    Enrolled lab;
    v1::Directive directive;
    directive.set_cut_off(true);
    directive.set_rule("internet");
    directive.set_why("no reason at all");
    directive.set_whom_to_call("help desk");
    lab.gateway.set_directive(directive);
    CHECK(becomes_true([&] { return lab.machine.told().find("help desk") != std::string::npos; }));
    CHECK(lab.machine.status().cut_off());
    CHECK(lab.machine.status().rule() == "internet");
    CHECK(lab.machine.status().connected());
    CHECK(lab.machine.status().enrolled());
    CHECK(lab.machine.command({"status"}) == 0);
    CHECK(lab.machine.command({"status", "--output", "json"}) == 0);
}

TEST_CASE("what is wrong is said, and the exit status tells usage from failure") {
    FakeGateway gateway;
    Machine machine{gateway};
    CHECK(machine.command({"status"}) == 1);
    CHECK(machine.command({"enrol"}) == 2);
    CHECK(machine.command({"enrol", "--token", "hgt1.x"}) == 1);
    CHECK(machine.command({"nonsense"}) == 2);
    CHECK(machine.command({"--version"}) == 0);
    CHECK(gateway.tokens().empty());
    write_file(machine.home() + "/a", eicar_test_string());
    CHECK(machine.command({"scan", machine.home()}) == 1);
    fs::remove(machine.home() + "/a");
    CHECK(machine.command({"scan", machine.home()}) == 0);
    write_file(machine.config(), "dwell: 3\n");
    CHECK(machine.command({"run"}) == 1);
}

}  // namespace
}  // namespace heartgate::control::agent
