// SPDX-License-Identifier: Apache-2.0
// The store in one SQLite file (write-ahead log, synchronous FULL): what write() acknowledged survives a crash and a
// power cut. Used by one thread at a time.
#pragma once

#include <memory>
#include <string>

#include "controlplane/store/store.h"

struct sqlite3;
struct sqlite3_stmt;

namespace heartgate::control {

class SqliteStore : public Store {
public:
    // Makes the file (mode 0600) if it does not exist. A damaged file, or one of a newer version, is refused and left
    // as it is.
    [[nodiscard]] static Expected<std::unique_ptr<SqliteStore>> open(const std::string& path);
    ~SqliteStore() override;
    SqliteStore(const SqliteStore&) = delete;
    SqliteStore& operator=(const SqliteStore&) = delete;

    [[nodiscard]] Expected<StoredState> load(std::size_t events) override;
    [[nodiscard]] Expected<void> write(const std::vector<StoreChange>& changes) override;

private:
    SqliteStore(sqlite3* database, std::string path) : database_{database}, path_{std::move(path)} {}
    void apply(const StoredEndpoint& endpoint);
    void apply(const StoredToken& token);
    void apply(const TokenUse& use);
    void apply(const StoredPolicy& policy);
    void apply(const RemovedEndpoint& removed);
    void apply(const RemovedPolicy& removed);
    void apply(const RevokedSerial& revoked);
    void apply(const v1::Event& event);

    sqlite3* database_;
    std::string path_;
};

}  // namespace heartgate::control
