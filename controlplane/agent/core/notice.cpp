// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/core/notice.h"

#include <fmt/format.h>

#include "controlplane/agent/core/text.h"

namespace heartgate::control::agent {
namespace {

// Ends like a sentence, whoever wrote it.
std::string sentence(std::string_view text) {
    std::string result = printable_text(text);
    if (!result.empty() && result.find_last_of(".!?") != result.size() - 1) result += '.';
    return result;
}

}  // namespace

std::string_view to_string(NoticeKind kind) {
    switch (kind) {
        case NoticeKind::kDetected:
            return "detected";
        case NoticeKind::kNotCleaned:
            return "not_cleaned";
        case NoticeKind::kCleaned:
            return "cleaned";
        case NoticeKind::kCutOff:
            return "cut_off";
        case NoticeKind::kReleased:
            return "released";
    }
    return "unknown";
}

Notice detected_notice(const Detection& detection) {
    return {NoticeKind::kDetected,
            fmt::format("Heartgate found malware on this machine: {} in {}.\n"
                        "It is being removed. Until that is done this machine may be cut off from the network.\n"
                        "What to do: do not open or copy this file; wait for the next message.\n",
                        printable_text(detection.finding), printable_text(detection.path))};
}

Notice not_cleaned_notice(const Detection& detection, std::string_view problem) {
    return {NoticeKind::kNotCleaned,
            fmt::format("Heartgate could not remove {} in {}: {}\n"
                        "This machine stays cut off from the network until the file is gone.\n"
                        "What to do: leave the machine on and call your administrator, who removes the file.\n",
                        printable_text(detection.finding), printable_text(detection.path), sentence(problem))};
}

Notice cleaned_notice(const Detection& detection, std::string_view kept_as) {
    const std::string kept =
        kept_as.empty() ? "" : fmt::format(" A harmless copy is kept as {}.", printable_text(kept_as));
    return {NoticeKind::kCleaned, fmt::format("Heartgate removed {} in {}.{}\n"
                                              "The machine is watched a little longer before it counts as clean.\n"
                                              "What to do: nothing; the network comes back by itself.\n",
                                              printable_text(detection.finding), printable_text(detection.path), kept)};
}

Notice cut_off_notice(const v1::Directive& directive) {
    std::string text = "This machine has been cut off from the network by Heartgate.\n";
    if (!directive.why().empty()) text += fmt::format("Why: {}\n", sentence(directive.why()));
    if (!directive.rule().empty()) text += fmt::format("By the rule: {}\n", printable_text(directive.rule()));
    text += fmt::format("What to do: {}\n", directive.what_to_do().empty()
                                                ? "leave the machine on; `heartgate-agent status` shows how it stands."
                                                : sentence(directive.what_to_do()));
    if (!directive.whom_to_call().empty()) {
        text += fmt::format("Whom to call: {}\n", printable_text(directive.whom_to_call()));
    }
    return {NoticeKind::kCutOff, text};
}

Notice released_notice() {
    return {NoticeKind::kReleased,
            "This machine is no longer cut off: the network works again.\nWhat to do: nothing.\n"};
}

}  // namespace heartgate::control::agent
