// SPDX-License-Identifier: Apache-2.0
// The parts that touch files: watch, quarantine, clamd, mounts, notices.
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <cstring>
#include <fstream>
#include <iostream>
#include <thread>

#include "controlplane/agent/core/eicar.h"
#include "controlplane/agent/linux/clamd.h"
#include "controlplane/agent/linux/file_scanner.h"
#include "controlplane/agent/linux/file_watch.h"
#include "controlplane/agent/linux/files.h"
#include "controlplane/agent/linux/local_mounts.h"
#include "controlplane/agent/linux/notify_command.h"
#include "controlplane/agent/linux/quarantine.h"
#include "tests/unit/agent/fake_gateway.h"

namespace heartgate::control::agent {
namespace {

using test::TemporaryDirectory;
namespace fs = std::filesystem;

void write_file(const std::string& path, const std::string& contents) { std::ofstream{path} << contents; }
std::string read_file(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

FileScanner eicar_scanner() {
    std::vector<std::unique_ptr<Detector>> detectors;
    detectors.push_back(std::make_unique<EicarDetector>());
    return FileScanner{std::move(detectors)};
}

// Paths that a watch heard of.
class Heard {
public:
    FileWatch::Handler handler() {
        return [this](const Place& place, bool) {
            const std::lock_guard lock{mutex_};
            paths_.push_back(place.path);
            changed_.notify_all();
        };
    }
    bool wait_for(const std::string& path, std::chrono::milliseconds most = std::chrono::seconds{10}) {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, most, [&] { return has(path); });
    }
    // With the mutex held, or once nothing more is heard.
    bool has(const std::string& path) const { return std::find(paths_.begin(), paths_.end(), path) != paths_.end(); }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> paths_;
};

// A command of the system as this user's children do it: the watch leaves out what its own process does.
void as_another_process(const std::function<void()>& work) {
    const pid_t child = ::fork();
    if (child == 0) {
        work();
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
}

TEST_CASE("all local file systems: a file on a tmpfs that was mounted later is heard of, an excluded one is not") {
    // In a mount namespace of a thread of its own, which ends with it.
    std::thread{[] {
        if (::unshare(CLONE_FS | CLONE_NEWNS) != 0 ||
            ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
            std::cout << "SKIP mount namespaces are not permitted\n";
            return;
        }
        TemporaryDirectory directory;
        const std::string root = directory.path() + "/disk";
        const std::string later = directory.path() + "/stick";
        fs::create_directory(root);
        fs::create_directory(later);
        if (::mount("tmpfs", root.c_str(), "tmpfs", 0, "size=1m") != 0) {
            std::cout << "SKIP a tmpfs cannot be mounted\n";
            return;
        }
        fs::create_directories(root + "/left alone/unpacked/deep");
        write_file(root + "/left alone/unpacked/deep/d", "d");
        Heard heard;
        auto watch = FileWatch::start({{}, {root + "/left alone"}}, heard.handler());
        if (!watch) {
            std::cout << "SKIP " << watch.error().message << "\n";
            ::umount(root.c_str());
            return;
        }
        as_another_process([&] {
            write_file(root + "/left alone/a", "a");
            write_file(root + "/b", "b");
        });
        CHECK(heard.wait_for(root + "/b"));
        CHECK_FALSE(heard.has(root + "/left alone/a"));
        as_another_process([&] { fs::rename(root + "/left alone/unpacked", root + "/moved"); });
        CHECK(heard.wait_for(root + "/moved/deep/d"));

        CHECK(::mount("tmpfs", later.c_str(), "tmpfs", 0, "size=1m") == 0);
        bool found = false;
        for (int i = 0; i < 100 && !found; ++i) {  // until the new mount was noticed
            as_another_process([&] { write_file(later + "/c", "c"); });
            found = heard.wait_for(later + "/c", std::chrono::milliseconds{100});
        }
        CHECK(found);
        CHECK((*watch)->alive());
        watch->reset();
        ::umount2(later.c_str(), MNT_DETACH);
        ::umount2(root.c_str(), MNT_DETACH);
    }}.join();
}

TEST_CASE("a file system without file handles is watched, too: a file in an overlay, as containers have it") {
    std::thread{[] {
        if (::unshare(CLONE_FS | CLONE_NEWNS) != 0 ||
            ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
            std::cout << "SKIP mount namespaces are not permitted\n";
            return;
        }
        TemporaryDirectory directory;
        const std::string disk = directory.path() + "/disk";
        const std::string merged = directory.path() + "/merged";
        fs::create_directory(disk);
        fs::create_directory(merged);
        REQUIRE(::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=1m") == 0);
        for (const char* part : {"/lower", "/upper", "/work"}) fs::create_directory(disk + part);
        const std::string options = fmt::format("lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work", disk);
        if (::mount("overlay", merged.c_str(), "overlay", 0, options.c_str()) != 0) {
            std::cout << "SKIP an overlay cannot be mounted\n";
            ::umount(disk.c_str());
            return;
        }
        Heard heard;
        // Not through what lies below it.
        auto watch = FileWatch::start({{}, {disk, merged + "/left alone"}}, heard.handler());
        REQUIRE(watch);
        CHECK((*watch)->unwatched().empty());
        fs::create_directory(merged + "/left alone");
        as_another_process([&] {
            write_file(merged + "/left alone/a", "a");
            write_file(merged + "/b", "b");
        });
        CHECK(heard.wait_for(merged + "/b"));
        CHECK_FALSE(heard.has(merged + "/left alone/a"));

        // Whoever has it as the root of a mount namespace of his own, writes there as well.
        as_another_process([&] {
            if (::unshare(CLONE_NEWNS) != 0 || ::chroot(merged.c_str()) != 0 || ::chdir("/") != 0) return;
            write_file("/c", "c");
        });
        CHECK(heard.wait_for(merged + "/c"));
        watch->reset();
        ::umount2(merged.c_str(), MNT_DETACH);
        ::umount2(disk.c_str(), MNT_DETACH);
    }}.join();
}

TEST_CASE("a walk looks at everything, or at what has changed since a time") {
    TemporaryDirectory directory;
    const std::string tree = fs::canonical(directory.path()).string();
    fs::create_directory(tree + "/a");
    write_file(tree + "/a/file", "x");
    Heard heard;
    auto watch = FileWatch::start({{tree}, {}}, heard.handler());
    if (!watch) {
        std::cout << "SKIP " << watch.error().message << "\n";
        return;
    }
    const std::atomic<bool> stop{false};
    CHECK((*watch)->walk(stop) == 1);
    CHECK(heard.wait_for(tree + "/a/file"));
    CHECK((*watch)->walk(stop, std::time(nullptr) - 3600) == 1);
    CHECK((*watch)->walk(stop, std::time(nullptr) + 3600) == 0);
}

TEST_CASE("directory trees: what is below is heard of, also in directories made later; what is beside is not") {
    TemporaryDirectory directory;
    const std::string tree = directory.path() + "/home";
    fs::create_directories(tree + "/a/b");
    Heard heard;
    auto watch = FileWatch::start({{tree}, {}}, heard.handler());
    if (!watch) {
        std::cout << "SKIP " << watch.error().message << "\n";
        return;
    }
    as_another_process([&] {
        write_file(directory.path() + "/beside", "x");
        write_file(tree + "/a/b/deep", "x");
        fs::create_directories(tree + "/new/newer");
        write_file(tree + "/new/newer/file", "x");
    });
    CHECK(heard.wait_for(tree + "/a/b/deep"));
    CHECK(heard.wait_for(tree + "/new/newer/file"));
    CHECK_FALSE(heard.has(directory.path() + "/beside"));
    const auto missing = FileWatch::start({{tree + "/nowhere"}, {}}, heard.handler());
    REQUIRE_FALSE(missing);
    CHECK(missing.error().message.find(tree + "/nowhere") != std::string::npos);
}

TEST_CASE("the scanner judges regular files only and follows no link") {
    TemporaryDirectory directory;
    const FileScanner scanner = eicar_scanner();
    const auto scan = [&](const char* name) {
        return scanner.scan(Place::at(fs::canonical(directory.path()).string() + "/" + name), Depth::kAll);
    };
    write_file(directory.path() + "/infected", eicar_test_string());
    fs::create_symlink("infected", directory.path() + "/link");
    fs::create_directory(directory.path() + "/directory");
    ::mkfifo((directory.path() + "/fifo").c_str(), 0600);
    const auto found = scan("infected");
    REQUIRE((found && *found));
    CHECK((*found)->sha256.size() == 32);
    CHECK((*found)->detector == "eicar");
    for (const char* name : {"link", "directory", "fifo", "missing", "missing/too"}) {
        const auto nothing = scan(name);
        REQUIRE(nothing);
        CHECK_FALSE(*nothing);
    }
}

TEST_CASE("a file in quarantine is inverted, private and described; its name and another file in its place stay out") {
    TemporaryDirectory directory;
    const std::string root = fs::canonical(directory.path()).string();
    const auto quarantine = Quarantine::open(root + "/quarantine").value();
    const Detection detection{"Name\x1b", root + "/infected", std::string(32, '\x01'), "eicar"};
    write_file(detection.path, "contents");
    const auto kept = quarantine.take(detection, Place::at(detection.path));
    REQUIRE(kept);
    CHECK_FALSE(fs::exists(detection.path));
    std::string inverted = read_file(*kept);
    for (char& byte : inverted) byte = static_cast<char>(~byte);
    CHECK(inverted == "contents");
    CHECK((fs::status(*kept).permissions() & fs::perms::all) == fs::perms::owner_read);
    CHECK((fs::status(root + "/quarantine").permissions() & fs::perms::all) == fs::perms::owner_all);
    CHECK(read_file(*kept + ".txt").find("finding: Name?\n") != std::string::npos);

    CHECK(quarantine.take(detection, Place::at(detection.path)).value().empty());  // gone already
}

TEST_CASE("a file with another name is emptied under that name, too; what is not the judged file keeps its contents") {
    TemporaryDirectory directory;
    const std::string root = fs::canonical(directory.path()).string();
    const auto quarantine = Quarantine::open(root + "/quarantine").value();
    write_file(root + "/infected", eicar_test_string());
    fs::create_hard_link(root + "/infected", root + "/other name");
    const auto found = eicar_scanner().scan(Place::at(root + "/infected"), Depth::kAll);
    REQUIRE((found && *found));
    const auto kept = quarantine.take(**found, Place::at(root + "/infected"));
    REQUIRE(kept);
    CHECK_FALSE(fs::exists(root + "/infected"));
    CHECK(read_file(root + "/other name").empty());
    CHECK(read_file(*kept).size() == eicar_test_string().size());

    write_file(root + "/precious", "kept");
    fs::create_hard_link(root + "/precious", root + "/infected");
    CHECK_FALSE(quarantine.take(**found, Place::at(root + "/infected")));
    CHECK(read_file(root + "/precious") == "kept");
}

TEST_CASE(
    "the quarantine has a limit: the oldest copies give way, what is larger than all of it stays and is an error") {
    TemporaryDirectory directory;
    const std::string root = fs::canonical(directory.path()).string();
    const auto quarantine = Quarantine::open(root + "/quarantine", 100).value();
    const auto take = [&](std::size_t size) {
        write_file(root + "/file", std::string(size, 'x'));
        return quarantine.take({"Bad", root + "/file", "", "eicar"}, Place::at(root + "/file"));
    };
    const std::string first = take(40).value();
    const std::string second = take(40).value();
    const std::string third = take(60).value();
    CHECK_FALSE(fs::exists(first));
    CHECK_FALSE(fs::exists(first + ".txt"));
    CHECK(fs::exists(second));
    CHECK(fs::exists(third));
    CHECK_FALSE(take(101));
    CHECK(fs::exists(root + "/file"));
    CHECK(fs::exists(third));
}

TEST_CASE("a symbolic link on the way leads clean-up nowhere") {
    TemporaryDirectory directory;
    const std::string root = fs::canonical(directory.path()).string();
    const auto quarantine = Quarantine::open(root + "/quarantine").value();
    fs::create_directory(root + "/precious");
    write_file(root + "/precious/file", "kept");
    fs::create_directory(root + "/home");
    write_file(root + "/home/file", "bad");
    const Place place = Place::at(root + "/home/file");
    fs::rename(root + "/home", root + "/moved");
    fs::create_symlink("precious", root + "/home");
    CHECK_FALSE(Place::at(root + "/home/file").valid());
    CHECK(quarantine.take({"Bad", root + "/home/file", "", "eicar"}, place));
    CHECK(read_file(root + "/precious/file") == "kept");
    CHECK_FALSE(fs::exists(root + "/moved/file"));
}

TEST_CASE("state and identity come back as they were written; a damaged state is put aside") {
    TemporaryDirectory directory;
    const StateDirectory state{directory.path()};
    CHECK(state.read_state().value().boot() == 0);
    heartgate::agent::v1::AgentState written;
    written.set_boot(42);
    REQUIRE(state.write_state(written));
    CHECK(state.read_state().value().boot() == 42);
    write_file(directory.path() + "/state", "\xff\xff\xff");
    CHECK(state.read_state().value().boot() == 0);
    CHECK(fs::exists(directory.path() + "/state.damaged"));

    CHECK_FALSE(state.read_identity().value());
    const std::string key = state.key().value();
    CHECK(state.key().value() == key);
    CHECK((fs::status(directory.path() + "/identity.key").permissions() & fs::perms::all) ==
          (fs::perms::owner_read | fs::perms::owner_write));
    REQUIRE(state.write_identity({key, "certificate", "ca"}));
    CHECK(state.read_identity().value()->certificate_pem == "certificate");
    CHECK(state.identity_version() != 0);
}

// clamd for one connection: takes a stream, says what it is told to say.
class FakeClamd {
public:
    FakeClamd(const std::string& path, std::string answer) : answer_{std::move(answer)} {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(socket_.get(), 1) == 0);
        thread_ = std::thread{[this] { serve(); }};
    }
    ~FakeClamd() { thread_.join(); }
    FakeClamd(const FakeClamd&) = delete;
    FakeClamd& operator=(const FakeClamd&) = delete;
    const std::string& received() { return received_; }

private:
    void serve() {
        const UniqueFd connection{::accept(socket_.get(), nullptr, nullptr)};
        std::array<char, 65'536> buffer{};
        const std::string end("\0\0\0\0", 4);
        while (received_.size() < 4 || received_.compare(received_.size() - 4, 4, end) != 0) {
            const ssize_t length = ::recv(connection.get(), buffer.data(), buffer.size(), 0);
            if (length <= 0) break;
            received_.append(buffer.data(), static_cast<std::size_t>(length));
        }
        ::send(connection.get(), answer_.c_str(), answer_.size() + 1, MSG_NOSIGNAL);
    }

    UniqueFd socket_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    std::string answer_;
    std::string received_;
    std::thread thread_;
};

TEST_CASE("clamd gets the file in one stream and its verdict is taken over") {
    TemporaryDirectory directory;
    const std::string root = fs::canonical(directory.path()).string();
    write_file(root + "/file", "12345");
    std::vector<std::unique_ptr<Detector>> detectors;
    detectors.push_back(std::make_unique<ClamdDetector>(root + "/clamd"));
    const FileScanner scanner{std::move(detectors)};
    CHECK(scanner.has_slow());
    CHECK_FALSE(scanner.scan(Place::at(root + "/file"), Depth::kAll));  // nobody there: not clean
    CHECK(scanner.scan(Place::at(root + "/file"), Depth::kFast).value() == std::nullopt);
    {
        FakeClamd clamd{root + "/clamd", "stream: Win.Test.EICAR_HDB-1 FOUND"};
        const auto found = scanner.scan(Place::at(root + "/file"), Depth::kSlow);
        REQUIRE((found && *found));
        CHECK((*found)->finding == "Win.Test.EICAR_HDB-1");
        CHECK((*found)->detector == "clamd");
        CHECK(clamd.received() == std::string("zINSTREAM\0\0\0\0\5"
                                              "12345"
                                              "\0\0\0\0",
                                              23));
    }
}

TEST_CASE("answers of clamd") {
    CHECK(parse_clamd_verdict("stream: OK").value() == std::nullopt);
    CHECK(parse_clamd_verdict("stream: A.B-1 FOUND").value() == "A.B-1");
    CHECK_FALSE(parse_clamd_verdict(""));
    CHECK_FALSE(parse_clamd_verdict("stream:  FOUND extra"));
    CHECK_FALSE(parse_clamd_verdict("INSTREAM size limit exceeded. ERROR"));
    CHECK(parse_clamd_version("ClamAV 1.0.3/27106/Fri Nov 24 08:36:27 2023") == 1'700'814'987);
    CHECK_FALSE(parse_clamd_version("ClamAV 1.0.3"));
}

TEST_CASE("kernel interfaces, network shares and read-only mounts are not local file systems") {
    TemporaryDirectory directory;
    const std::string file = directory.path() + "/mountinfo";
    write_file(file,
               "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
               "22 27 0:21 / /proc rw - proc proc rw\n"
               "23 27 0:22 / /mnt/my\\040stick rw shared:5 master:1 - vfat /dev/sdb1 rw\n"
               "24 27 0:23 / /net rw - nfs4 server:/ rw\n"
               "25 27 0:24 / /media/cd ro,relatime - iso9660 /dev/sr0 ro\n"
               "26 27 0:25 / /ssh rw - fuse.sshfs host: rw\n"
               "28 27 0:26 / /windows rw - fuseblk /dev/sda2 rw\n");
    CHECK(local_mounts(file) == std::vector<std::string>{"/", "/mnt/my stick", "/windows"});
}

TEST_CASE("the notice is the command's standard input and never its arguments") {
    TemporaryDirectory directory;
    const std::string told = directory.path() + "/told";
    {
        NotifyCommand command{{"sh", "-c", "(echo $HEARTGATE_EVENT; cat) >> " + told}};
        command.tell({NoticeKind::kDetected, "$(touch " + directory.path() + "/run); `id`\n"});
        command.tell({NoticeKind::kCleaned, "second\n"});
    }
    CHECK(read_file(told) == "detected\n$(touch " + directory.path() + "/run); `id`\ncleaned\nsecond\n");
    CHECK_FALSE(fs::exists(directory.path() + "/run"));
}

}  // namespace
}  // namespace heartgate::control::agent
