// SPDX-License-Identifier: Apache-2.0
// What the user of the machine is told, and when: at detection, cut-off, clean-up and release, with the reason and what
// to do. Texts only; how they reach a screen is for others.
#pragma once

#include <string>
#include <string_view>

#include "controlplane/agent/core/detector.h"
#include "heartgate/v1/heartbeat.pb.h"

namespace heartgate::control::agent {

enum class NoticeKind { kDetected, kNotCleaned, kCleaned, kCutOff, kReleased };

[[nodiscard]] std::string_view to_string(NoticeKind kind);

struct Notice {
    NoticeKind kind = NoticeKind::kDetected;
    std::string text;  // a few lines, printable; ends with a line feed
};

[[nodiscard]] Notice detected_notice(const Detection& detection);
[[nodiscard]] Notice not_cleaned_notice(const Detection& detection, std::string_view problem);
[[nodiscard]] Notice cleaned_notice(const Detection& detection, std::string_view kept_as);
[[nodiscard]] Notice cut_off_notice(const v1::Directive& directive);
[[nodiscard]] Notice released_notice();

class Notifier {
public:
    virtual ~Notifier() = default;
    // Does not block.
    virtual void tell(const Notice& notice) = 0;
};

}  // namespace heartgate::control::agent
