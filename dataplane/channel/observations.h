// SPDX-License-Identifier: Apache-2.0
// Observers on behalf of heartgated: started, asked for what they saw, stopped. On the control thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "dataplane/observe/observers.h"
#include "dataplane/port/zone_table.h"

namespace heartgate::v1 {
class StartObservationReply;
class StartObservationRequest;
class StopObservationRequest;
class TakeObservationReply;
class TakeObservationRequest;
}  // namespace heartgate::v1

namespace heartgate::dataplane {

class Observations {
public:
    static constexpr std::uint64_t kForgottenMs = 10'000;  // nobody has taken for so long
    static constexpr std::uint32_t kMostTaken = 1024;      // packets in one reply
    static constexpr std::size_t kMostBytes = 1U << 20U;   // of a file in one reply, about

    Observations(Observers& observers, const ZoneTable& zones, unsigned workers);
    ~Observations();
    Observations(const Observations&) = delete;
    Observations& operator=(const Observations&) = delete;

    // Empty, or a sentence with what is wrong about the request. `now_ms`: of the monotonic clock.
    [[nodiscard]] std::string start(const v1::StartObservationRequest& request, std::uint64_t connection,
                                    std::uint64_t now_ms, v1::StartObservationReply& reply);
    [[nodiscard]] std::string take(const v1::TakeObservationRequest& request, std::uint64_t now_ms,
                                   v1::TakeObservationReply& reply);
    void stop(const v1::StopObservationRequest& request);
    // The connection is gone, and what it started.
    void closed(std::uint64_t connection);
    // Ends those that were forgotten.
    void keep(std::uint64_t now_ms);

private:
    struct Observation {
        Observer* observer;
        std::uint64_t connection;
        std::uint64_t taken_ms;
        bool pcapng;
        bool begun = false;      // the file
        std::uint64_t lost = 0;  // of which was told
    };
    template <class Condition>
    void end_if(Condition&& condition);
    void describe(Observation& observation, std::uint32_t most, v1::TakeObservationReply& reply) const;
    void write(Observation& observation, std::uint32_t most, v1::TakeObservationReply& reply) const;

    Observers& observers_;
    const ZoneTable& zones_;
    const unsigned workers_;
    std::map<std::uint64_t, Observation> observations_;
    std::uint64_t last_id_ = 0;
};

}  // namespace heartgate::dataplane
