// SPDX-License-Identifier: Apache-2.0
// Aligned columns for people. Every cell is cleaned before it reaches the terminal, whoever wrote it.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace heartgate::control::cli {

enum class Style { kPlain, kGreen, kYellow, kRed, kFaint };

struct Cell {
    // NOLINTNEXTLINE(google-explicit-constructor): a plain text is a cell
    Cell(std::string text_in, Style style_in = Style::kPlain) : text(std::move(text_in)), style(style_in) {}
    // NOLINTNEXTLINE(google-explicit-constructor)
    Cell(const char* text_in) : text(text_in) {}
    std::string text;
    Style style = Style::kPlain;
};

// The text, cleaned, in colour if colours are wanted.
std::string styled(const Cell& cell, bool colours);

class Table {
public:
    explicit Table(std::vector<std::string> headers) : headers_(std::move(headers)) {}

    void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
    [[nodiscard]] bool empty() const { return rows_.empty(); }
    void print(std::ostream& out, bool colours) const;

private:
    std::vector<std::string> headers_;
    std::vector<std::vector<Cell>> rows_;
};

// "Name:   value" lines, aligned.
class Sheet {
public:
    void add(std::string name, Cell value) { lines_.emplace_back(std::move(name), std::move(value)); }
    void print(std::ostream& out, bool colours) const;

private:
    std::vector<std::pair<std::string, Cell>> lines_;
};

}  // namespace heartgate::control::cli
