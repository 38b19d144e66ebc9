// SPDX-License-Identifier: Apache-2.0
#include "controlplane/store/store_writer.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <iterator>
#include <map>
#include <variant>

namespace heartgate::control {

StoreWriter::StoreWriter(std::unique_ptr<Store> store, Post post, std::function<void(std::string)> trouble)
    : store_{std::move(store)}, post_{std::move(post)}, trouble_{std::move(trouble)}, thread_{[this] { run(); }} {}

StoreWriter::~StoreWriter() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void StoreWriter::write(std::vector<StoreChange> changes, Done done) {
    {
        const std::lock_guard lock{mutex_};
        std::move(changes.begin(), changes.end(), std::back_inserter(queue_));
        if (done) done_.push_back(std::move(done));
    }
    wake_.notify_one();
}

void StoreWriter::run() {
    std::unique_lock lock{mutex_};
    int last_attempts = 0;
    while (true) {
        wake_.wait(lock, [this] { return stopping_ || !queue_.empty() || !done_.empty(); });
        if (queue_.empty() && done_.empty()) return;
        attempt(lock);
        if (failing_) {
            if (stopping_ && ++last_attempts > 1) {
                log_given_up();
                return;
            }
            if (stopping_) continue;
            wake_.wait_for(lock, std::chrono::seconds{1}, [this] { return stopping_; });
        }
    }
}

void StoreWriter::log_given_up() const {
    std::map<std::string, const StoredEndpoint*> endpoints;  // the last word on each
    for (const StoreChange& change : queue_) {
        if (const auto* endpoint = std::get_if<StoredEndpoint>(&change)) endpoints[endpoint->id] = endpoint;
    }
    spdlog::error("{} changes could not be written to the database and are given up, {} endpoints among them",
                  queue_.size(), endpoints.size());
    for (const auto& [id, endpoint] : endpoints) {
        if (!endpoint->manual_isolation) continue;
        spdlog::error("not stored: the isolation of {} ({}): isolate it again after the next start", endpoint->host,
                      id);
    }
}

void StoreWriter::attempt(std::unique_lock<std::mutex>& lock) {
    std::vector<StoreChange> changes = std::exchange(queue_, {});
    std::vector<Done> done = std::exchange(done_, {});
    lock.unlock();
    const Expected<void> written = store_->write(changes);
    if (written) {
        for (Done& finished : done) post_(std::move(finished));
    }
    if (written.has_value() == failing_) {
        post_([this, sentence = written ? std::string{} : written.error().message] { trouble_(sentence); });
    }
    failing_ = !written;
    lock.lock();
    if (written) return;
    // In front of what came meanwhile.
    queue_.insert(queue_.begin(), std::make_move_iterator(changes.begin()), std::make_move_iterator(changes.end()));
    done_.insert(done_.begin(), std::make_move_iterator(done.begin()), std::make_move_iterator(done.end()));
}

}  // namespace heartgate::control
