// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/unix_listen.h"

#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace heartgate::control {
namespace {

Expected<void> set_owner(const std::string& path, const std::string& group, unsigned mode) {
    if (chmod(path.c_str(), mode) != 0) {
        return error(ErrorKind::kInternal, fmt::format("{}: mode cannot be set: {}", path, std::strerror(errno)));
    }
    const auto id = group_id(group);
    if (!id) return error(ErrorKind::kInvalidArgument, fmt::format("{}: {}", path, id.error().message));
    if (chown(path.c_str(), static_cast<uid_t>(-1), *id) != 0) {
        return error(ErrorKind::kInternal,
                     fmt::format("{}: cannot be given to group '{}': {}", path, group, std::strerror(errno)));
    }
    return {};
}

}  // namespace

Expected<gid_t> group_id(const std::string& group) {
    if (group.empty()) return static_cast<gid_t>(-1);
    const struct group* entry = getgrnam(group.c_str());
    if (entry != nullptr) return entry->gr_gid;
    return error(ErrorKind::kInvalidArgument,
                 fmt::format("there is no group '{}' on this machine: `groupadd --system {}`", group, group));
}

Expected<void> listen_at(boost::asio::local::stream_protocol::acceptor& acceptor, const std::string& path,
                         const std::string& group, unsigned mode) {
    const boost::asio::local::stream_protocol::endpoint endpoint{path};
    ::unlink(path.c_str());
    boost::system::error_code failure;
    acceptor.open(endpoint.protocol(), failure);
    const mode_t mask = umask(0077);
    if (!failure) acceptor.bind(endpoint, failure);
    umask(mask);
    if (!failure) acceptor.listen(boost::asio::socket_base::max_listen_connections, failure);
    if (failure) {
        return error(ErrorKind::kInternal, fmt::format("{}: cannot listen: {}", path, failure.message()));
    }
    return set_owner(path, group, mode);
}

}  // namespace heartgate::control
