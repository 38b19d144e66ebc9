// SPDX-License-Identifier: Apache-2.0
// A prepared statement with positional binding and reading, in the order of the columns. Failures throw SqliteError,
// which SqliteStore turns into an Error.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace heartgate::control {

class SqliteError : public std::runtime_error {
public:
    explicit SqliteError(sqlite3* database) : std::runtime_error{sqlite3_errmsg(database)} {}
};

class SqliteStatement {
public:
    SqliteStatement(sqlite3* database, const char* sql) : database_{database} {
        if (sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr) != SQLITE_OK) throw SqliteError{database};
    }
    ~SqliteStatement() { sqlite3_finalize(statement_); }
    SqliteStatement(const SqliteStatement&) = delete;
    SqliteStatement& operator=(const SqliteStatement&) = delete;

    SqliteStatement& text(const std::string& value) {
        return check(
            sqlite3_bind_text(statement_, ++bound_, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT));
    }
    SqliteStatement& blob(const std::string& value) {
        return check(
            sqlite3_bind_blob(statement_, ++bound_, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT));
    }
    // Unsigned 64-bit values keep their bits.
    template <typename Integer>
    SqliteStatement& number(Integer value) {
        return check(sqlite3_bind_int64(statement_, ++bound_, static_cast<std::int64_t>(value)));
    }

    // True while there is a row; its columns are read in order.
    bool step() {
        read_ = -1;
        const int result = sqlite3_step(statement_);
        if (result != SQLITE_ROW && result != SQLITE_DONE) throw SqliteError{database_};
        return result == SQLITE_ROW;
    }
    std::string bytes() {
        const void* data = sqlite3_column_blob(statement_, ++read_);
        const int size = sqlite3_column_bytes(statement_, read_);
        return data == nullptr ? std::string{} : std::string(static_cast<const char*>(data), static_cast<size_t>(size));
    }
    template <typename Integer>
    Integer integer() {
        return static_cast<Integer>(sqlite3_column_int64(statement_, ++read_));
    }

private:
    SqliteStatement& check(int result) {
        if (result != SQLITE_OK) throw SqliteError{database_};
        return *this;
    }

    sqlite3* database_;
    sqlite3_stmt* statement_ = nullptr;
    int bound_ = 0;
    int read_ = -1;
};

}  // namespace heartgate::control
