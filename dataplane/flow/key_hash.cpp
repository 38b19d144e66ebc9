// SPDX-License-Identifier: Apache-2.0
// The secret of the flow hash; see the header.
#include "dataplane/flow/key_hash.h"

#include <sys/random.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace heartgate::dataplane {

namespace {

KeyHash::Secret draw() {
    KeyHash::Secret secret;
    if (getrandom(secret.data(), secret.size(), 0) != static_cast<ssize_t>(secret.size())) {
        throw std::runtime_error(std::string{"flow table: the kernel gave no random bytes for the hash's secret: "} +
                                 std::strerror(errno));
    }
    return secret;
}

}  // namespace

KeyHash::KeyHash() : KeyHash{draw()} {}

KeyHash::KeyHash(const Secret& secret) {
    if (__builtin_cpu_supports("aes") == 0) {
        throw std::runtime_error(
            "flow table: this processor has no AES instructions (flag 'aes' in /proc/cpuinfo); in a virtual machine "
            "choose a CPU model that passes them through, for example 'host'");
    }
    static_assert(sizeof(keys_) == sizeof(Secret));
    std::memcpy(static_cast<void*>(keys_), secret.data(), secret.size());
}

}  // namespace heartgate::dataplane
