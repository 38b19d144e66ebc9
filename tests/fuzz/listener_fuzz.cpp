// SPDX-License-Identifier: Apache-2.0
// heartgated's end of the socket to heartgate-listener, which faces infected machines and may have been taken over.
#include <spdlog/spdlog.h>

#include "controlplane/daemon/listener_link.h"
#include "tests/fuzz/stream.h"

using namespace heartgate;
using heartgate::fuzz::Input;

namespace {

struct Daemon {
    boost::asio::io_context loop;
    control::ListenerLink link{loop,
                               {.hello = [](const v1::ListenerHello&) {},
                                .opened = [](const v1::StreamOpened&) {},
                                .heartbeat = [](const v1::HeartbeatReceived&, bool) {},
                                .closed = [](std::uint64_t) {},
                                .replayed = [] {},
                                .enrolment = [](const v1::EnrolmentCall&) {},
                                .refusal = [](const v1::Refusal&) {},
                                .lost = [](const std::string&) {}}};
    Daemon() {
        spdlog::set_level(spdlog::level::off);
        fuzz::require(link.listen(fuzz::socket_path(), "", 0600).has_value(), "the socket can be made");
    }
};

}  // namespace

// The first byte: the bytes as they are, or as one frame.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Daemon daemon;
    Input input{data, size};
    const bool as_they_are = input.byte() % 2U == 0;
    fuzz::talk(daemon.loop, fuzz::socket_path(), as_they_are ? input.text() : fuzz::framed(input.rest()));
    fuzz::require(!daemon.link.connected(), "a connection that ended is forgotten");
    return 0;
}
