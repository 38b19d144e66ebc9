// SPDX-License-Identifier: Apache-2.0
// The fragment tracker against a plain model: no byte of a datagram passes twice, nothing passes before its first
// fragment has or after an overlap, and what it holds is bounded. The input is a script of steps; see run().
#include "dataplane/fragment/fragment_tracker.h"

#include <bitset>
#include <map>

#include "tests/fuzz/input.h"

using namespace heartgate::dataplane;
using heartgate::contract::DropReason;
using heartgate::fuzz::Input;
using heartgate::fuzz::require;

namespace {

// A quarter of the datagrams is of other sources; one source has more than it may.
DatagramKey datagram_of(std::uint16_t number) {
    DatagramKey datagram;
    datagram.identification = number;
    datagram.source_mac = number % 4 == 0 ? number % 16U : 1U;
    return datagram;
}

struct Model {
    std::bitset<256> passed;  // units of the payload
    bool published = false;
    bool spoilt = false;
    std::uint32_t since_ms = 0;
    std::uint16_t identification = 0;
};

class Script {
public:
    explicit Script(Input input) : input_{input} {}

    void run() {
        for (unsigned steps = 0; steps < 2000 && !input_.empty(); ++steps) {
            const std::uint8_t operation = input_.byte() % 6;
            if (operation == 4) {
                now_ms_ += input_.byte() * 100U;
                continue;
            }
            if (operation == 5) {
                tracker_.expire(now_ms_, input_.byte());
                continue;
            }
            const std::uint16_t number = input_.byte() * 2U;
            step(operation, datagram_of(number), model_[number]);
            require(tracker_.size() <= 9 * FragmentTracker::kMostPerSource, "what a source holds is bounded");
        }
        now_ms_ += FragmentTracker::kLifetimeMs;
        tracker_.expire(now_ms_, FragmentTracker::kDatagrams);
        require(tracker_.size() == 0, "everything is forgotten in time");
    }

private:
    FragmentRange range() {
        const std::uint8_t begin = input_.byte() % 128U;
        const std::uint8_t how = input_.byte();
        return {
            .begin = begin, .end = static_cast<std::uint16_t>(begin + 1U + (how & 0x7fU)), .last = (how & 0x80U) != 0};
    }
    void step(std::uint8_t operation, const DatagramKey& datagram, Model& model) {
        if (operation == 0) return begin(datagram, model);
        if (operation == 1) return publish(datagram, model);
        if (operation == 2) {
            tracker_.forget(datagram);
            return;
        }
        pass(datagram, model);
    }
    void begin(const DatagramKey& datagram, Model& model) {
        FragmentRange first = range();
        first.begin = 0;
        const FragmentTracker::Begun begun = tracker_.begin(datagram, first, {}, now_ms_);
        if (begun.reason != DropReason::kNone) {
            require(begun.reason == DropReason::kFragmentOverlap, "a first fragment is refused for a second one alone");
            require(model.since_ms + FragmentTracker::kLifetimeMs > now_ms_, "an old datagram is in nobody's way");
            model.spoilt = true;
            return;
        }
        model = {.since_ms = now_ms_, .identification = begun.identification};
        mark(model, first);
    }
    void publish(const DatagramKey& datagram, Model& model) {
        const std::uint32_t before = tracker_.epoch();
        tracker_.publish(datagram);
        if (tracker_.epoch() != before) model.published = true;
    }
    void pass(const DatagramKey& datagram, Model& model) {
        const FragmentRange later = range();
        const FragmentTracker::Found found = tracker_.find(datagram, now_ms_);
        if (found.state == FragmentTracker::State::kUnknown) return;
        require(model.published, "a first fragment is known to others after its verdict alone");
        require(model.since_ms + FragmentTracker::kLifetimeMs > now_ms_, "a datagram is followed for its lifetime");
        require((found.state == FragmentTracker::State::kSpoilt) == model.spoilt, "an overlap spoils the datagram");
        if (found.state == FragmentTracker::State::kKnown) {
            require(found.identification == model.identification, "all fragments have one identification");
        }
        const DropReason reason = tracker_.pass(datagram, later);
        if (reason != DropReason::kNone) {
            model.spoilt = true;
            return;
        }
        require(!model.spoilt, "nothing passes after an overlap");
        mark(model, later);
    }
    static void mark(Model& model, const FragmentRange& range) {
        for (unsigned at = range.begin; at < range.end; ++at) {
            require(!model.passed[at], "no byte passes twice");
            model.passed.set(at);
        }
    }

    Input input_;
    FragmentTracker tracker_;
    std::uint32_t now_ms_ = 1'000'000;
    std::map<std::uint16_t, Model> model_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Script{Input{data, size}}.run();
    return 0;
}
