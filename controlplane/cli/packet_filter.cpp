// SPDX-License-Identifier: Apache-2.0
#include "controlplane/cli/packet_filter.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <cstdint>
#include <memory>

namespace heartgate::control::cli {
namespace {

constexpr int kLongestPacket = 262'144;

struct Close {
    void operator()(pcap_t* handle) const { pcap_close(handle); }
};

class Program {
public:
    Program() = default;
    ~Program() { pcap_freecode(&program_); }
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;
    [[nodiscard]] bool compile(pcap_t* handle, const std::string& expression) {
        return pcap_compile(handle, &program_, expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) == 0;
    }
    [[nodiscard]] v1::PacketFilter message() const {
        v1::PacketFilter filter;
        for (u_int i = 0; i < program_.bf_len; ++i) {
            const bpf_insn& instruction = program_.bf_insns[i];
            filter.add_instructions(std::uint64_t{instruction.code} << 48U | std::uint64_t{instruction.jt} << 40U |
                                    std::uint64_t{instruction.jf} << 32U | instruction.k);
        }
        return filter;
    }

private:
    bpf_program program_{};
};

}  // namespace

Expected<v1::PacketFilter> compile_filter(const std::string& expression) {
    if (expression.empty()) return v1::PacketFilter{};
    const std::unique_ptr<pcap_t, Close> handle{pcap_open_dead(DLT_EN10MB, kLongestPacket)};
    if (!handle) return error(ErrorKind::kInternal, "libpcap gives no handle: out of memory");
    Program program;
    if (!program.compile(handle.get(), expression)) {
        return error(ErrorKind::kInvalidArgument,
                     fmt::format("'{}': {}; see pcap-filter(7)", expression, pcap_geterr(handle.get())));
    }
    if (expression.find("vlan") != std::string::npos) return program.message();
    // What comes behind the word vlan is looked for behind the tag.
    Program both;
    if (!both.compile(handle.get(), fmt::format("(not ether proto 0x8100 and ({0})) or (vlan and ({0}))", expression)))
        return program.message();
    return both.message();
}

}  // namespace heartgate::control::cli
