// SPDX-License-Identifier: Apache-2.0
// UNIX sockets on which heartgated waits for programs that have fewer rights.
#pragma once

#include <sys/types.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <string>

#include "controlplane/common/error.h"

namespace heartgate::control {

// Of a group by name; that of chown() for "leave it" if the name is empty.
[[nodiscard]] Expected<gid_t> group_id(const std::string& group);

// `group`: a name, or empty. Takes the place of a socket that a predecessor left behind.
[[nodiscard]] Expected<void> listen_at(boost::asio::local::stream_protocol::acceptor& acceptor, const std::string& path,
                                       const std::string& group, unsigned mode);

}  // namespace heartgate::control
