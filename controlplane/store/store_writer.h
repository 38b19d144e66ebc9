// SPDX-License-Identifier: Apache-2.0
// Writes to the store on a thread of its own, so that nothing on the way from a heartbeat to the ring waits for a disk.
// What has queued up while a transaction ran goes into the next one together. What cannot be written is tried again
// every second for as long as the process lives; what is still not written at its end is given up, with a line in the
// log. An isolation is in force before it is on disk, and is answered as such only then.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "controlplane/store/store.h"

namespace heartgate::control {

class StoreWriter {
public:
    using Done = std::function<void()>;
    // Runs a function on the loop that owns the state.
    using Post = std::function<void(std::function<void()>)>;

    // `trouble` is called on the loop with a sentence when writing begins to fail, and with an empty one when it works
    // again.
    StoreWriter(std::unique_ptr<Store> store, Post post, std::function<void(std::string)> trouble);
    // Writes what is queued (once more, if it fails), logs what is given up, and ends.
    ~StoreWriter();
    StoreWriter(const StoreWriter&) = delete;
    StoreWriter& operator=(const StoreWriter&) = delete;

    // Order is kept. `done` runs on the loop once all of it is on disk.
    void write(std::vector<StoreChange> changes, Done done = {});

private:
    void run();
    void log_given_up() const;
    void attempt(std::unique_lock<std::mutex>& lock);

    std::unique_ptr<Store> store_;
    Post post_;
    std::function<void(std::string)> trouble_;

    std::mutex mutex_;  // guards the queue alone
    std::condition_variable wake_;
    std::vector<StoreChange> queue_;
    std::vector<Done> done_;
    bool stopping_ = false;
    bool failing_ = false;  // of the thread
    std::thread thread_;
};

}  // namespace heartgate::control
