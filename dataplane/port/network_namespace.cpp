// SPDX-License-Identifier: Apache-2.0
#include "dataplane/port/network_namespace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace heartgate::dataplane {

InNetworkNamespace::InNetworkNamespace(const std::string& name) {
    if (name.empty()) return;
    const std::string path = name[0] == '/' ? name : "/run/netns/" + name;
    const int target = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (target < 0) {
        throw std::runtime_error{
            fmt::format("network namespace '{}': {}; make it: ip netns add {}", name, std::strerror(errno), name)};
    }
    own_ = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    const bool entered = own_ >= 0 && setns(target, CLONE_NEWNET) == 0;
    const int error = errno;
    close(target);
    if (!entered) {
        if (own_ >= 0) close(own_);
        own_ = -1;
        throw std::runtime_error{fmt::format("network namespace '{}' cannot be entered: {}; the dataplane needs root",
                                             name, std::strerror(error))};
    }
}

InNetworkNamespace::~InNetworkNamespace() {
    if (own_ < 0) return;
    // Staying behind would put the appliance's own interfaces into the wrong namespace.
    if (setns(own_, CLONE_NEWNET) != 0) std::abort();
    close(own_);
}

}  // namespace heartgate::dataplane
