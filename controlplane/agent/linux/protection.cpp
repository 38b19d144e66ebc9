// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/linux/protection.h"

#include <spdlog/spdlog.h>

#include "controlplane/agent/core/eicar.h"
#include "controlplane/agent/core/text.h"
#include "controlplane/agent/linux/machine.h"

namespace heartgate::control::agent {
namespace {

constexpr std::size_t kMostSlow = 100'000;
constexpr std::chrono::seconds kCheckEvery{10};

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
    // Some directories are soon looked through; a whole machine is only when somebody asks for it.
    self.walk_wanted_ = !config.watch.empty();
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
        if (slow_.size() == kMostSlow || !slow_known_.insert(place.path).second) return;
        slow_.push_back(place.path);
        if (slow_.size() == kMostSlow) {
            spdlog::error("{} files wait for clamd; further ones are left out until it catches up", kMostSlow);
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
    }
}

void Protection::rescan() {
    cleaner_->hurry();
    {
        const std::lock_guard lock{mutex_};
        walk_wanted_ = true;
    }
    wake_.notify_all();
}

void Protection::look_after() {
    std::unique_lock lock{mutex_};
    while (!stopping_) {
        const bool walk = std::exchange(walk_wanted_, false);
        lock.unlock();
        if (walk) spdlog::info("{} files were looked at", watch_->walk(stopping_));
        check_watchers();
        const bool overflow = watch_->take_overflow();
        if (overflow) spdlog::warn("events about files were lost; everything is looked at again");
        lock.lock();
        walk_wanted_ = walk_wanted_ || overflow;
        wake_.wait_for(lock, kCheckEvery, [&] { return stopping_ || walk_wanted_; });
    }
}

void Protection::check_watchers() {
    Watchers watchers{.watching = watch_->alive(), .only_built_in = config_.clamd_socket.empty()};
    if (!config_.clamd_socket.empty()) {
        const auto made = ClamdDetector{config_.clamd_socket}.signatures_unix_s();
        watchers.detectors_answer = made.has_value();
        if (!made) spdlog::warn("{}", made.error().message);
        const std::int64_t age_ms = made ? SystemClock{}.now().unix_ms - *made * 1000 : 0;
        watchers.signatures_old = age_ms > config_.signatures_max_age.count();
    }
    agent_.set_watchers(watchers);
    changed_();
}

}  // namespace heartgate::control::agent
