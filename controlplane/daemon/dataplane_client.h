// SPDX-License-Identifier: Apache-2.0
// Requests to the dataplane over its UNIX socket and their replies, in order. When to ask what is DataplaneLink's.
#pragma once

#include <heartgate/v1/dataplane.pb.h>

#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "controlplane/common/error.h"
#include "controlplane/common/framed_socket.h"

namespace heartgate::control {

class DataplaneClient {
public:
    using Reply = std::function<void(Expected<v1::DataplaneReply>)>;

    DataplaneClient(boost::asio::io_context& loop, std::string path) : loop_{loop}, path_{std::move(path)} {}
    ~DataplaneClient() { close(); }
    DataplaneClient(const DataplaneClient&) = delete;
    DataplaneClient& operator=(const DataplaneClient&) = delete;

    // One of the two is called: `connected`, or `closed` now or later. Every open request is answered with an error
    // before `closed`.
    void connect(std::function<void()> connected, std::function<void(const std::string&)> closed);
    void request(const v1::DataplaneRequest& request, Reply reply);
    void close();
    [[nodiscard]] bool open() const { return socket_ != nullptr; }

private:
    void received(std::string_view frame);
    void fail_all(const std::string& why);

    boost::asio::io_context& loop_;
    std::string path_;
    std::shared_ptr<FramedSocket> socket_;
    std::deque<Reply> waiting_;
    std::shared_ptr<bool> here_ = std::make_shared<bool>(true);  // for a connection attempt that ends after this object
};

}  // namespace heartgate::control
