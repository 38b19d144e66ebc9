// SPDX-License-Identifier: Apache-2.0
// What stands in the way of a new primary: child processes play the others.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <string>

#include "dataplane/port/eal.h"
#include "dataplane/port/instance.h"
#include "dataplane/port/port.h"

using namespace heartgate::dataplane;

namespace {

const std::string kPrefix = "hg-instance-test-" + std::to_string(getpid());

// A process that has done `prepare` by the time the constructor returns, and then does nothing.
class Other {
public:
    explicit Other(const std::function<bool()>& prepare) {
        int ready[2];
        REQUIRE(pipe(ready) == 0);
        process_ = fork();
        REQUIRE(process_ >= 0);
        if (process_ == 0) {
            signal(SIGTERM, SIG_DFL);  // Catch2 has a handler
            const char done = prepare() ? 'y' : 'n';
            (void)!write(ready[1], &done, 1);
            for (;;) pause();
        }
        char done = 'n';
        const bool heard = read(ready[0], &done, 1) == 1;
        close(ready[0]);
        close(ready[1]);
        REQUIRE(heard);
        REQUIRE(done == 'y');
    }
    ~Other() { end(); }
    Other(const Other&) = delete;
    Other& operator=(const Other&) = delete;

    // Signal that ended it.
    int end() {
        if (process_ == 0) return 0;
        kill(process_, SIGTERM);
        int status = 0;
        waitpid(process_, &status, 0);
        process_ = 0;
        return WTERMSIG(status);
    }
    [[nodiscard]] pid_t process() const { return process_; }

private:
    pid_t process_ = 0;
};

struct Directory {
    const std::string path = runtime_directory(kPrefix);
    Directory() {
        std::filesystem::create_directories(path);
        std::ofstream{path + "/config"} << "config";
        std::ofstream{path + "/fbarray_memzone"} << "memzones";
    }
    ~Directory() { remove_instance_files(kPrefix); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;

    // As EAL's primary does.
    [[nodiscard]] bool lock_config() const {
        struct flock lock {};
        lock.l_type = F_WRLCK;
        lock.l_whence = SEEK_SET;
        lock.l_start = 2;
        lock.l_len = 2;
        return fcntl(open((path + "/config").c_str(), O_RDWR), F_SETLK, &lock) == 0;
    }
    // As each process of an instance does.
    [[nodiscard]] bool hold_memzones() const {
        return flock(open((path + "/fbarray_memzone").c_str(), O_RDWR), LOCK_SH) == 0;
    }
};

}  // namespace

TEST_CASE("nothing stands in the way where there was no instance") { CHECK_NOTHROW(claim_instance(kPrefix)); }

TEST_CASE_METHOD(Directory, "files that a killed primary left stand in nobody's way") {
    CHECK_NOTHROW(claim_instance(kPrefix));
}

TEST_CASE_METHOD(Directory, "another primary is named with the command that ends it") {
    Other primary{[&] { return lock_config(); }};
    CHECK_THROWS_WITH(claim_instance(kPrefix),
                      Catch::Contains("process " + std::to_string(primary.process()) + " ") &&
                          Catch::Contains("(kill " + std::to_string(primary.process()) + ")") &&
                          Catch::Contains("'" + kPrefix + "'"));
    primary.end();
    CHECK_NOTHROW(claim_instance(kPrefix));
}

TEST_CASE_METHOD(Directory, "a secondary that leaves is waited for") {
    Other secondary{[&] { return hold_memzones(); }};
    std::future<void> claim = std::async(std::launch::async, [] { claim_instance(kPrefix); });
    secondary.end();
    CHECK_NOTHROW(claim.get());
}

TEST_CASE_METHOD(Directory, "a heartgated that hangs is ended, another program is named") {
    SECTION("heartgated") {
        Other secondary{[&] {
            signal(SIGTERM, SIG_IGN);
            return prctl(PR_SET_NAME, "heartgated") == 0 && hold_memzones();
        }};
        CHECK_NOTHROW(claim_instance(kPrefix));
        CHECK(secondary.end() == SIGKILL);
    }
    SECTION("another program") {
        Other secondary{[&] { return prctl(PR_SET_NAME, "somebody") == 0 && hold_memzones(); }};
        CHECK_THROWS_WITH(claim_instance(kPrefix),
                          Catch::Contains("process " + std::to_string(secondary.process()) + " (somebody)") &&
                              Catch::Contains("kill -9 " + std::to_string(secondary.process())));
        CHECK(secondary.end() == SIGTERM);
    }
}

TEST_CASE_METHOD(Directory, "the files of an instance go, those of others stay") {
    const std::string other = runtime_directory(kPrefix + "x");
    std::filesystem::create_directories(other);
    remove_instance_files(kPrefix);
    CHECK_FALSE(std::filesystem::exists(path));
    CHECK(std::filesystem::exists(other));
    std::filesystem::remove(other);
}

TEST_CASE("EAL's arguments: memory that never grows, workers on their CPUs, only the configured NICs") {
    Config config;
    config.dpdk.main_core = 3;
    config.workers.cores = {5, 3};
    config.ports.resize(2);
    config.ports[0].device = "0000:01:00.0,arg=1";
    config.ports[1].device = "net_tap0,iface=wan-port";
    std::vector<std::string> arguments = eal_arguments(config);
    const auto has = [&](const std::string& argument) {
        return std::find(arguments.begin(), arguments.end(), argument) != arguments.end();
    };
    CHECK(has("--lcores=0@3,1@5,2@3"));
    CHECK(has("--socket-mem=256"));
    CHECK(has("--socket-limit=256"));
    CHECK(has("--allow=0000:01:00.0,arg=1"));
    CHECK_FALSE(has("--no-pci"));
    CHECK_FALSE(has("--no-huge"));
    CHECK_FALSE(has("--in-memory"));

    config.ports[0].device = "net_ring0";
    config.dpdk.hugepages = false;
    arguments = eal_arguments(config);
    CHECK(has("--no-pci"));
    CHECK(has("--no-huge"));
    CHECK_FALSE(has("--socket-mem=256"));
}

TEST_CASE("a PCI address is a NIC, everything else a virtual device") {
    CHECK_FALSE(is_virtual("0000:01:00.0"));
    CHECK_FALSE(is_virtual("0000:01:00.0,arg=1"));
    CHECK(is_virtual("net_tap0,iface=lan-port,mac=00:64:74:61:70:11"));
    CHECK(is_virtual("net_memif0,role=server"));
}
