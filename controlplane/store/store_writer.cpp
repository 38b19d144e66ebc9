// SPDX-License-Identifier: Apache-2.0
#include "controlplane/store/store_writer.h"

#include <chrono>
#include <iterator>

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
    while (true) {
        wake_.wait(lock, [this] { return stopping_ || !queue_.empty() || !done_.empty(); });
        if (queue_.empty() && done_.empty()) return;
        attempt(lock);
        if (failing_) {
            if (stopping_) return;
            wake_.wait_for(lock, std::chrono::seconds{1}, [this] { return stopping_; });
        }
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
