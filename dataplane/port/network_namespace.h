// SPDX-License-Identifier: Apache-2.0
// The calling thread in another network namespace for a moment: laboratories keep a port's interface away from the
// appliance's own addresses.
#pragma once

#include <string>

namespace heartgate::dataplane {

class InNetworkNamespace {
public:
    // `name`: as `ip netns` knows it, or an absolute path; empty: stays where it is. Throws std::runtime_error with a
    // sentence.
    explicit InNetworkNamespace(const std::string& name);
    ~InNetworkNamespace();  // back again
    InNetworkNamespace(const InNetworkNamespace&) = delete;
    InNetworkNamespace& operator=(const InNetworkNamespace&) = delete;

private:
    int own_ = -1;
};

}  // namespace heartgate::dataplane
