// SPDX-License-Identifier: Apache-2.0
// How healthy this machine is and why: the findings, each from detection over clean-up and dwell time to its end, and
// what is known about the detectors. No clock, no files, no network of its own.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent_state.pb.h"
#include "controlplane/agent/core/detector.h"
#include "controlplane/agent/core/moment.h"
#include "heartgate/v1/common.pb.h"

namespace heartgate::control::agent {

struct HealthTiming {
    Milliseconds dwell{10'000};            // YELLOW after the last finding is gone
    Milliseconds repeat_within{600'000};   // the same malware again this soon after its end ...
    Milliseconds repeat_dwell{1'800'000};  // ... keeps the machine YELLOW this long
    Milliseconds stale_after{7'200'000};   // online this long with old signatures
};

// What watches, as it is now.
struct Watchers {
    bool watching = false;         // files are watched as they are written
    std::string unwatched{};       // a local file system of which that is not true
    bool only_built_in = true;     // nothing but the EICAR matcher
    bool detectors_answer = true;  // each configured detector does its work
    bool signatures_old = false;   // and could not be renewed
    friend bool operator==(const Watchers&, const Watchers&) = default;
};

struct Report {
    v1::Colour colour = v1::COLOUR_UNSPECIFIED;
    std::vector<v1::Reason> reasons;
};

class Health {
public:
    explicit Health(HealthTiming timing) : timing_{timing} {}

    // A file with malware in it. False: it is known and still being handled, nothing changes.
    bool detected(const Detection& detection, Moment now);
    // It could not be removed: RED until cleaned() of the same path. False: nothing changes.
    bool not_cleaned(const std::string& path);
    // The file is gone and its place was scanned again: the dwell time begins. False: not known, or dwelling already.
    bool cleaned(const std::string& path, Moment now);
    bool set_watchers(const Watchers& watchers, Moment now);
    // Whether the gateway can be reached; signatures are stale only on a machine that could have renewed them.
    bool set_online(bool online, Moment now);
    // Ends what has come to its end. True: the report changes.
    bool advance(Moment now);
    // When advance() has something to do at the earliest.
    [[nodiscard]] std::optional<Milliseconds> next_change() const;

    [[nodiscard]] Report report() const;
    // Detections whose file is not known to be gone.
    [[nodiscard]] std::vector<Detection> unclean() const;

    void save(heartgate::agent::v1::AgentState& state, Moment now) const;
    // Findings come back as open or not cleaned, whatever became of their files: their places have to be scanned first.
    // A dwell time goes on, at least one ordinary dwell time long.
    void restore(const heartgate::agent::v1::AgentState& state, Moment now);

private:
    enum class Stage { kOpen, kNotCleaned, kDwelling };
    struct Finding {
        Detection detection;
        Stage stage = Stage::kOpen;
        std::int64_t since_unix_ms = 0;
        bool repeated = false;
        Milliseconds dwell_until{0};
    };

    [[nodiscard]] bool came_back(const std::string& finding, Moment now) const;
    [[nodiscard]] Milliseconds dwell_of(const Finding& finding) const;
    [[nodiscard]] bool stale(Milliseconds now) const;
    void forget_surplus();
    void add_findings(Stage stage, v1::ReasonCode code, Report& report) const;

    HealthTiming timing_;
    std::map<std::string, Finding> findings_;   // by path
    std::map<std::string, std::int64_t> past_;  // malware name -> its end, unix ms
    Watchers watchers_;
    std::int64_t watchers_since_ = 0;
    std::optional<Milliseconds> online_since_;
    bool stale_ = false;
};

}  // namespace heartgate::control::agent
