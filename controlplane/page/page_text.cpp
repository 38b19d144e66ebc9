// SPDX-License-Identifier: Apache-2.0
#include "controlplane/page/page_text.h"

#include <fmt/format.h>

namespace heartgate::control::page {
namespace {

constexpr std::string_view kFrame = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{0}</title>
<style>body {{ font-family: sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em }}
dt {{ font-weight: bold; margin-top: 1em }}</style>
</head>
<body>
<h1>{0}</h1>
<dl>
{1}</dl>
</body>
</html>
)";

void add(std::string& list, std::string_view term, std::string_view text) {
    if (text.empty()) return;
    list += fmt::format("<dt>{}</dt><dd>{}</dd>\n", term, escape_html(text));
}

}  // namespace

std::string escape_html(std::string_view text) {
    std::string escaped;
    escaped.reserve(text.size());
    for (const char letter : text) {
        switch (letter) {
            case '&':
                escaped += "&amp;";
                break;
            case '<':
                escaped += "&lt;";
                break;
            case '>':
                escaped += "&gt;";
                break;
            case '"':
                escaped += "&quot;";
                break;
            case '\'':
                escaped += "&#39;";
                break;
            default:
                escaped += letter;
        }
    }
    return escaped;
}

std::string page_text(const std::optional<v1::PageAnswer>& answer) {
    std::string list;
    if (!answer) {
        add(list, "Why", "The gateway cannot say why at the moment.");
        add(list, "What to do", "Try again in a minute, or ask the administrator of this network.");
        return fmt::format(kFrame, "This machine is cut off", list);
    }
    if (!answer->cut_off()) {
        add(list, "What to do", "Load the page that you wanted again.");
        return fmt::format(kFrame, "This machine is not cut off any more", list);
    }
    add(list, "Why", answer->why());
    add(list, "What to do", answer->what_to_do());
    add(list, "Whom to call", answer->whom_to_call());
    add(list, "Rule", answer->rule());
    return fmt::format(kFrame, "This machine is cut off", list);
}

}  // namespace heartgate::control::page
