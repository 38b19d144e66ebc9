// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/linux/protection.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include "controlplane/agent/core/eicar.h"
#include "controlplane/agent/core/text.h"
#include "controlplane/agent/linux/files.h"
#include "controlplane/agent/linux/machine.h"

namespace heartgate::control::agent {
namespace {

constexpr std::size_t kMostSlow = 100'000;
constexpr unsigned kMostTries = 5;
constexpr std::chrono::seconds kCheckEvery{10};
// Looked back further than that: clocks of file systems are coarse, and the last look was some time ago.
constexpr std::int64_t kMarginS = 60;

// Its time of change is the last at which nothing was left to look at.
std::string watched_file(const Config& config) { return config.state_directory + "/watched"; }

// Nothing: this machine has never been watched.
std::optional<std::int64_t> watched_until(const Config& config) {
    struct stat status {};
    if (::stat(watched_file(config).c_str(), &status) != 0) return std::nullopt;
    return status.st_mtim.tv_sec;
}

std::vector<std::string> left_alone(const Config& config) {
    std::vector<std::string> result = config.exclude;
    result.push_back(config.quarantine_directory);
    result.push_back(config.state_directory);
    return result;
}

}  // namespace

FileScanner make_scanner(const Config& config) {
    std::vector<std::unique_ptr<Detector>> detectors;
    detectors.push_back(std::make_unique<EicarDetector>());
    if (!config.clamd_socket.empty()) detectors.push_back(std::make_unique<ClamdDetector>(config.clamd_socket));
    return FileScanner{std::move(detectors)};
}

Protection::Protection(const Config& config, Agent& agent, Quarantine quarantine, std::function<void()> changed)
    : config_{config},
      agent_{agent},
      scanner_{make_scanner(config)},
      quarantine_{std::move(quarantine)},
      changed_{std::move(changed)} {}

Expected<std::unique_ptr<Protection>> Protection::start(const Config& config, Agent& agent,
                                                        std::function<void()> changed) {
    auto quarantine = Quarantine::open(config.quarantine_directory);
    if (!quarantine) return tl::unexpected{quarantine.error()};
    std::unique_ptr<Protection> protection{new Protection{config, agent, std::move(*quarantine), std::move(changed)}};
    Protection& self = *protection;
    self.cleaner_ =
        std::make_unique<Cleaner>(agent, self.scanner_, self.quarantine_, config.clean_delay, self.changed_);
    auto watch = FileWatch::start({config.watch, left_alone(config)},
                                  [&self](const Place& place, bool complete) { self.on_file(place, complete); });
    if (!watch) return tl::unexpected{watch.error()};
    self.watch_ = std::move(*watch);
    self.check_watchers();
    // Some directories are soon looked through. Of a whole machine only what has changed since it was watched last;
    // all of it when somebody asks for it.
    const auto until = watched_until(config);
    self.walk_wanted_ = !config.watch.empty() || until;
    if (config.watch.empty() && until) self.walk_since_ = *until - kMarginS;
    if (self.scanner_.has_slow()) self.slow_thread_ = std::thread{[&self] { self.scan_slowly(); }};
    self.care_thread_ = std::thread{[&self] { self.look_after(); }};
    return protection;
}

Protection::~Protection() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
    }
    wake_.notify_all();
    if (slow_thread_.joinable()) slow_thread_.join();
    if (care_thread_.joinable()) care_thread_.join();
    watch_.reset();
    cleaner_.reset();
}

void Protection::on_detection(const Detection& detection, const Place& place) {
    if (!agent_.detected(detection, monotonic_ns())) return;
    spdlog::warn("{} found in {} by {}", printable_text(detection.finding), printable_text(detection.path),
                 detection.detector);
    cleaner_->add(detection, place);
    changed_();
}

void Protection::on_file(const Place& place, bool complete) {
    const auto found = scanner_.scan(place, Depth::kFast);
    if (found && *found) {
        on_detection(**found, place);
        return;
    }
    if (!found) spdlog::debug("{}", printable_text(found.error().message));
    if (!complete || !scanner_.has_slow()) return;
    {
        const std::lock_guard lock{mutex_};
        if (slow_.size() == kMostSlow) {
            left_out_ = true;
            return;
        }
        if (!slow_known_.insert(place.path).second) return;
        slow_.push_back(place.path);
        if (slow_.size() == kMostSlow) {
            spdlog::error("{} files wait for clamd; everything is looked at again when it has caught up", kMostSlow);
        }
    }
    wake_.notify_all();
}

void Protection::scan_slowly() {
    std::unique_lock lock{mutex_};
    while (true) {
        wake_.wait(lock, [&] { return stopping_ || !slow_.empty(); });
        if (stopping_) return;
        const std::string path = std::move(slow_.front());
        slow_.pop_front();
        slow_known_.erase(path);
        lock.unlock();
        const Place place = Place::at(path);
        const auto found = scanner_.scan(place, Depth::kSlow);
        if (found && *found) on_detection(**found, place);
        if (!found) spdlog::debug("{}: {}", printable_text(path), printable_text(found.error().message));
        lock.lock();
        if (found) {
            put_off_.erase(path);
        } else {
            put_off(path);
        }
    }
}

// The mutex is held.
void Protection::put_off(const std::string& path) {
    if (put_off_.size() == kMostSlow && !put_off_.contains(path)) {
        left_out_ = true;
        return;
    }
    if (++put_off_[path] < kMostTries) return;
    spdlog::warn("{} could not be judged in {} attempts (larger than clamd's StreamMaxLength?); it is left alone",
                 printable_text(path), kMostTries);
    put_off_.erase(path);
}

// All detectors answer: what could not be judged may be judged now. The mutex is held.
void Protection::take_up_again() {
    for (const auto& [path, tries] : put_off_) {
        if (slow_.size() == kMostSlow) break;
        if (slow_known_.insert(path).second) slow_.push_back(path);
    }
    if (left_out_ && slow_.empty()) {
        left_out_ = false;
        walk_wanted_ = true;
        walk_since_ = FileWatch::kFromTheBeginning;
    }
}

void Protection::remember_watching(bool everything_judged) {
    if (!everything_judged) return;
    const UniqueFd file{::open(watched_file(config_).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
    if (!file.valid() || ::futimens(file.get(), nullptr) != 0) {
        spdlog::warn("{}", system_error("cannot note how far files were looked at in", watched_file(config_)).message);
    }
}

void Protection::rescan() {
    cleaner_->hurry();
    {
        const std::lock_guard lock{mutex_};
        walk_wanted_ = true;
        walk_since_ = FileWatch::kFromTheBeginning;
    }
    wake_.notify_all();
}

void Protection::look_after() {
    std::unique_lock lock{mutex_};
    while (!stopping_) {
        const bool walk = std::exchange(walk_wanted_, false);
        const std::int64_t since = walk_since_;
        lock.unlock();
        if (walk) spdlog::info("{} files were looked at", watch_->walk(stopping_, since));
        const bool all_answer = check_watchers();
        const bool overflow = watch_->take_overflow();
        if (overflow) spdlog::warn("events about files were lost; everything is looked at again");
        lock.lock();
        if (overflow) {
            walk_wanted_ = true;
            walk_since_ = FileWatch::kFromTheBeginning;
        }
        const bool everything_judged = all_answer && !walk_wanted_ && slow_.empty() && put_off_.empty() && !left_out_;
        if (all_answer) take_up_again();
        lock.unlock();
        if (!stopping_) remember_watching(everything_judged);
        wake_.notify_all();
        lock.lock();
        wake_.wait_for(lock, kCheckEvery, [&] { return stopping_ || walk_wanted_; });
    }
}

bool Protection::check_watchers() {
    Watchers watchers{
        .watching = watch_->alive(), .unwatched = watch_->unwatched(), .only_built_in = config_.clamd_socket.empty()};
    if (!config_.clamd_socket.empty()) {
        const auto made = ClamdDetector{config_.clamd_socket}.signatures_unix_s();
        watchers.detectors_answer = made.has_value();
        if (!made) spdlog::warn("{}", made.error().message);
        const std::int64_t age_ms = made ? SystemClock{}.now().unix_ms - *made * 1000 : 0;
        watchers.signatures_old = age_ms > config_.signatures_max_age.count();
    }
    agent_.set_watchers(watchers);
    changed_();
    return watchers.watching && watchers.detectors_answer;
}

}  // namespace heartgate::control::agent
