// SPDX-License-Identifier: Apache-2.0
#include "controlplane/cli/table.h"

#include <algorithm>
#include <string_view>

#include "controlplane/common/text.h"

namespace heartgate::control::cli {
namespace {

constexpr std::size_t kMaxCell = 2048;

// Characters, not bytes. East Asian wide characters count one: their columns may lean, nothing else.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string_view escape(Style style) {
    switch (style) {
        case Style::kPlain:
            return "";
        case Style::kGreen:
            return "\x1b[32m";
        case Style::kYellow:
            return "\x1b[33m";
        case Style::kRed:
            return "\x1b[31m";
        case Style::kFaint:
            return "\x1b[2m";
    }
    return "";
}

std::string paint(const std::string& clean, Style style, bool colours) {
    if (!colours || style == Style::kPlain || clean.empty()) return clean;
    return std::string(escape(style)) + clean + "\x1b[0m";
}

}  // namespace

std::string styled(const Cell& cell, bool colours) {
    return paint(clean_text(cell.text, kMaxCell), cell.style, colours);
}

void Table::print(std::ostream& out, bool colours) const {
    std::vector<std::size_t> widths;
    for (const std::string& header : headers_) widths.push_back(width(header));
    std::vector<std::vector<std::string>> clean;
    for (const auto& row : rows_) {
        auto& cells = clean.emplace_back();
        for (std::size_t i = 0; i < row.size(); ++i) {
            cells.push_back(clean_text(row[i].text, kMaxCell));
            widths[i] = std::max(widths[i], width(cells[i]));
        }
    }
    const auto print_row = [&](const auto& text_of, const auto& style_of) {
        for (std::size_t i = 0; i < headers_.size(); ++i) {
            const std::string& text = text_of(i);
            out << paint(text, style_of(i), colours);
            if (i + 1 < headers_.size()) out << std::string(widths[i] - width(text) + 2, ' ');
        }
        out << "\n";
    };
    print_row([&](std::size_t i) -> const std::string& { return headers_[i]; },
              [](std::size_t) { return Style::kFaint; });
    for (std::size_t r = 0; r < rows_.size(); ++r)
        print_row([&](std::size_t i) -> const std::string& { return clean[r][i]; },
                  [&](std::size_t i) { return rows_[r][i].style; });
}

void Sheet::print(std::ostream& out, bool colours) const {
    std::size_t widest = 0;
    for (const auto& [name, value] : lines_) widest = std::max(widest, width(name));
    for (const auto& [name, value] : lines_)
        out << name << ":" << std::string(widest - width(name) + 2, ' ') << styled(value, colours) << "\n";
}

}  // namespace heartgate::control::cli
