// SPDX-License-Identifier: Apache-2.0
// Asks heartgated why a machine is cut off: a connection for each question, given up after two seconds.
#pragma once

#include <heartgate/v1/page.pb.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <functional>
#include <optional>
#include <string>

namespace heartgate::control::page {

// `answer` is called once, on the loop; nothing: heartgated is not there, or does not answer in time.
void ask_daemon(boost::asio::io_context& loop, const std::string& socket_path, const boost::asio::ip::address& machine,
                std::function<void(std::optional<v1::PageAnswer>)> answer);

}  // namespace heartgate::control::page
