// SPDX-License-Identifier: Apache-2.0
// heartgated: the control plane of one appliance.
#include <fmt/format.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "controlplane/daemon/administration/server.h"
#include "controlplane/daemon/check.h"
#include "controlplane/daemon/configuration.h"
#include "controlplane/daemon/daemon.h"
#include "controlplane/daemon/dataplane_memory.h"
#include "controlplane/daemon/process.h"
#include "controlplane/store/sqlite_store.h"

namespace {

using namespace heartgate::control;

constexpr std::size_t kEventsInMemory = EventLog::kKept;

Expected<void> prepare(const Configuration& configuration) {
    if (auto made = make_directory(configuration.state_directory, 0700); !made) return made;
    for (const std::string& socket : {configuration.admin_socket, configuration.listener_socket,
                                      configuration.page_socket, configuration.dataplane_socket}) {
        if (auto made = make_directory(std::filesystem::path{socket}.parent_path(), 0755); !made) return made;
    }
    if (auto locked = lock_for_life(configuration.state_directory + "/heartgated.lock"); !locked) return locked;
    // The one producer of this dataplane's rings.
    return lock_for_life(configuration.dataplane_socket + ".producer");
}

constexpr std::chrono::seconds kEndPatience{5};

// Ends the process if ending it takes too long: an answer that waits for a full disk must not keep it alive. What must
// be on disk has been tried meanwhile.
class EndDeadline {
public:
    explicit EndDeadline(std::function<void()> too_late)
        : thread_{[this, too_late = std::move(too_late)] {
              std::unique_lock lock{mutex_};
              if (wake_.wait_for(lock, kEndPatience, [this] { return ended_; })) return;
              spdlog::error(
                  "ending takes longer than {} s: requests without an answer and changes that could not be "
                  "written to the database are given up",
                  kEndPatience.count());
              too_late();
          }} {}
    ~EndDeadline() {
        {
            const std::lock_guard lock{mutex_};
            ended_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }
    EndDeadline(const EndDeadline&) = delete;
    EndDeadline& operator=(const EndDeadline&) = delete;

private:
    std::mutex mutex_;
    std::condition_variable wake_;
    bool ended_ = false;
    std::thread thread_;
};

// Ends the parts in the order in which they depend on each other, the loop still running.
void end(boost::asio::io_context& loop, std::unique_ptr<AdministrationServer>& server, Daemon& daemon) {
    std::thread ending{[&] {
        server.reset();
        loop.stop();
    }};
    daemon.stop();
    loop.run();
    ending.join();
}

Expected<int> run(const Configuration& configuration, char** arguments) {
    if (auto prepared = prepare(configuration); !prepared) return tl::unexpected(prepared.error());
    auto store = SqliteStore::open(configuration.state_directory + "/heartgate.db");
    if (!store) return tl::unexpected(store.error());
    auto state = (*store)->load(kEventsInMemory);
    if (!state) return tl::unexpected(state.error());
    auto authority = pki::CertificateAuthority::open_or_create(configuration.state_directory);
    if (!authority) return tl::unexpected(authority.error());

    boost::asio::io_context loop{1};
    const auto work = boost::asio::make_work_guard(loop);
    bool anew = false;
    boost::asio::signal_set signals{loop, SIGTERM, SIGINT};
    signals.async_wait([&](const boost::system::error_code& failure, int signal) {
        if (failure) return;
        spdlog::info("ending on {}", strsignal(signal));
        loop.stop();
    });
    const std::string& prefix = configuration.file_prefix;
    std::optional<EndDeadline> deadline;
    {
        Daemon daemon{loop,
                      configuration,
                      std::move(*authority),
                      std::move(*store),
                      std::move(*state),
                      {.alive = [&] { return primary_alive(prefix); },
                       .attach_memory = [&] { return attach_to_primary(prefix); },
                       .start_anew =
                           [&] {
                               anew = true;
                               loop.stop();
                           }}};
        if (auto started = daemon.start(); !started) return tl::unexpected(started.error());
        auto server = AdministrationServer::listen(configuration.admin_socket, loop, daemon);
        if (!server) return tl::unexpected(server.error());
        spdlog::info("heartgated {} is ready: administration at {}, listener at {}", HEARTGATE_VERSION,
                     configuration.admin_socket, configuration.listener_socket);
        loop.run();
        loop.restart();
        deadline.emplace([anew, arguments] {
            if (anew) start_anew(arguments);
            _exit(1);
        });
        end(loop, *server, daemon);
    }  // the store writer has written everything here
    deadline.reset();
    if (anew) {
        spdlog::info("starting anew to attach to the next dataplane");
        start_anew(arguments);
        return error(ErrorKind::kInternal, fmt::format("cannot start anew: {}", strerror(errno)));
    }
    return 0;
}

int check_and_tell(const std::string& file) {
    const auto lines = check_start(file);
    if (!lines) {
        spdlog::error("{}", lines.error().message);
        return 1;
    }
    for (const std::string& line : *lines) fmt::print("{}\n", line);
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    CLI::App app{"heartgated: health, policy, persistence and administration of a Heartgate appliance"};
    std::string file = "/etc/heartgate/heartgated.yaml";
    bool check = false;
    app.add_option("--config", file, "configuration file")->capture_default_str();
    app.add_flag("--check-config", check, "only say whether a start would succeed with this configuration");
    app.set_version_flag("--version", HEARTGATE_VERSION);
    try {
        app.parse(count, arguments);
    } catch (const CLI::ParseError& problem) {
        return app.exit(problem) == 0 ? 0 : 2;
    }
    spdlog::set_default_logger(spdlog::stderr_logger_mt("heartgated"));
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %n %l: %v");
    try {
        if (check) return check_and_tell(file);
        const auto configuration = read_configuration(file);
        if (!configuration) {
            spdlog::error("{}", configuration.error().message);
            return 1;
        }
        spdlog::set_level(spdlog::level::from_str(configuration->log_level));
        signal(SIGPIPE, SIG_IGN);
        const auto ended = run(*configuration, arguments);
        if (!ended) spdlog::error("{}", ended.error().message);
        // Not exit(): EAL's and gRPC's own threads may still run, and rte_eal_cleanup() must not.
        spdlog::shutdown();
        _exit(ended ? 0 : 1);
    } catch (const std::exception& problem) {
        spdlog::error("{}", problem.what());
        return 1;
    }
}
