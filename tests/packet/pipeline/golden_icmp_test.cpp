// SPDX-License-Identifier: Apache-2.0
// ICMP errors about packets of flows: translated with what they quote (RFC 5508), by the flow's verdict.
#include <catch2/catch.hpp>

#include "script.h"

GOLDEN("an ICMP error from the WAN about a translated packet reaches the machine that sent it, translated inside too",
       R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7 > 198.51.100.1 unreachable code 3 quoting 198.51.100.1:nat > 203.0.113.7:53 udp ttl 60
        out lan pc 203.0.113.7 > 10.0.0.10 unreachable 3 quoting 10.0.0.10:5000 > 203.0.113.7:53 udp ttl 60 ttl 63
    wan router 203.0.113.200 > 198.51.100.1 time-exceeded quoting 198.51.100.1:nat > 203.0.113.7:53 udp ttl 1
        out lan pc 203.0.113.200 > 10.0.0.10 time-exceeded quoting 10.0.0.10:5000 > 203.0.113.7:53 udp ttl 1 ttl 63
    wan router 203.0.113.200 > 198.51.100.1 parameter-problem quoting 198.51.100.1:nat > 203.0.113.7:53 udp
        out lan pc 203.0.113.200 > 10.0.0.10 parameter-problem quoting 10.0.0.10:5000 > 203.0.113.7:53 udp ttl 64 ttl 63
    wan router 203.0.113.200 > 198.51.100.1 too-big next-mtu 1280 quoting 198.51.100.1:nat > 203.0.113.7:53 udp no-checksum
        out lan pc 203.0.113.200 > 10.0.0.10 too-big 1280 quoting 10.0.0.10:5000 > 203.0.113.7:53 udp no-checksum ttl 64 ttl 63
)");

GOLDEN("an ICMP error about TCP and one about a ping are translated like that about UDP", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    wan router 203.0.113.200 > 198.51.100.1 too-big next-mtu 1400 quoting 198.51.100.1:nat > 203.0.113.7:80 tcp ack
        out lan pc 203.0.113.200 > 10.0.0.10 too-big 1400 quoting 10.0.0.10:5000 > 203.0.113.7:80 tcp ack ttl 64 ttl 63
    lan pc 10.0.0.10:77 > 203.0.113.7 echo
        out wan router 198.51.100.1:nat > 203.0.113.7 echo ttl 63
    wan router 203.0.113.200 > 198.51.100.1 unreachable code 1 quoting 198.51.100.1:nat > 203.0.113.7 echo
        out lan pc 203.0.113.200 > 10.0.0.10 unreachable 1 quoting 10.0.0.10:77 > 203.0.113.7 echo ttl 64 ttl 63
)");

GOLDEN("IPv4 options in the quoted packet are passed over, and eight bytes of its upper layer are enough", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    wan router 203.0.113.7 > 198.51.100.1 unreachable quoting 198.51.100.1:nat > 203.0.113.7:80 tcp syn option 7
        out lan pc 203.0.113.7 > 10.0.0.10 unreachable 0 quoting 10.0.0.10:5000 > 203.0.113.7:80 tcp syn ttl 64 ttl 63
    wan router 203.0.113.7 > 198.51.100.1 unreachable quoted-bytes 34 quoting 198.51.100.1:nat > 203.0.113.7:80 tcp syn
        out lan pc 203.0.113.7 > 10.0.0.10 unreachable 0 quoting 10.0.0.10:5000 > 203.0.113.7:80 tcp ttl 64 ttl 63
    wan router 203.0.113.7 > 198.51.100.1 unreachable quoted-bytes 27 quoting 198.51.100.1:nat > 203.0.113.7:80 tcp syn
        drop bad-transport
)");

GOLDEN("an ICMP error from the LAN about an answer leaves with the WAN address, also where a router inside sent it", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10 > 203.0.113.7 unreachable code 3 quoting 203.0.113.7:53 > 10.0.0.10:5000 udp ttl 62
        out wan router 198.51.100.1 > 203.0.113.7 unreachable 3 quoting 203.0.113.7:53 > 198.51.100.1:nat udp ttl 62 ttl 63
    lan pc 10.0.0.77 > 203.0.113.7 time-exceeded quoting 203.0.113.7:53 > 10.0.0.10:5000 udp ttl 1
        out wan router 198.51.100.1 > 203.0.113.7 time-exceeded quoting 203.0.113.7:53 > 198.51.100.1:nat udp ttl 1 ttl 63
)");

GOLDEN("ICMPv6 errors pass as they are, both ways", R"(
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp
        out wan router [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp ttl 63
    wan router 2001:db8:ffff::9 > 2001:db8:1::10 too-big next-mtu 1280 quoting [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp
        out lan pc 2001:db8:ffff::9 > 2001:db8:1::10 too-big 1280 quoting [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp ttl 64 ttl 63
    lan pc 2001:db8:1::10 > 2001:db8:ffff::7 unreachable code 4 quoting [2001:db8:ffff::7]:53 > [2001:db8:1::10]:5000 udp
        out wan router 2001:db8:1::10 > 2001:db8:ffff::7 unreachable 4 quoting [2001:db8:ffff::7]:53 > [2001:db8:1::10]:5000 udp ttl 64 ttl 63
    wan router 2001:db8:ffff::9 > 2001:db8:1::10 parameter-problem quoting [2001:db8:1::10]:5001 > [2001:db8:ffff::7]:53 udp
        drop unrelated-icmp
)");

GOLDEN("an isolated machine gets no ICMP error and sends none, until it is clean again", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    isolate pc
    wan router 203.0.113.7 > 198.51.100.1 unreachable quoting 198.51.100.1:nat > 203.0.113.7:53 udp
        drop isolated-source
    lan pc 10.0.0.10 > 203.0.113.7 unreachable quoting 203.0.113.7:53 > 10.0.0.10:5000 udp
        drop isolated-source
    green pc
    wan router 203.0.113.7 > 198.51.100.1 unreachable quoting 198.51.100.1:nat > 203.0.113.7:53 udp
        out lan pc 203.0.113.7 > 10.0.0.10 unreachable 0 quoting 10.0.0.10:5000 > 203.0.113.7:53 udp ttl 64 ttl 63
    lan pc 10.0.0.10 > 203.0.113.7 unreachable quoting 203.0.113.7:53 > 10.0.0.10:5000 udp
        out wan router 198.51.100.1 > 203.0.113.7 unreachable 0 quoting 203.0.113.7:53 > 198.51.100.1:nat udp ttl 64 ttl 63
)");

GOLDEN("an ICMP error of another machine's MAC, or with another machine's address, is not passed on", R"(
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp
        out wan router [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp ttl 63
    lan other 2001:db8:1::10 > 2001:db8:ffff::7 unreachable quoting [2001:db8:ffff::7]:53 > [2001:db8:1::10]:5000 udp
        drop spoofed-address
    lan pc 2001:db8:1::11 > 2001:db8:ffff::7 unreachable quoting [2001:db8:ffff::7]:53 > [2001:db8:1::10]:5000 udp
        drop spoofed-address
    lan pc 2001:db8:ffff::8 > 2001:db8:ffff::7 unreachable quoting [2001:db8:ffff::7]:53 > [2001:db8:1::10]:5000 udp
        drop bad-source
    wan router 2001:db8:1::11 > 2001:db8:1::10 unreachable quoting [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp
        drop bad-source
)");

GOLDEN("an ICMP error about a packet of no flow, to another address, or about no packet at all is dropped", R"(
    wan router 203.0.113.7 > 198.51.100.1 unreachable quoting 198.51.100.1:6000 > 203.0.113.7:53 udp
        drop unrelated-icmp
    lan pc 10.0.0.10 > 203.0.113.7 unreachable quoting 203.0.113.7:53 > 10.0.0.10:5000 udp
        drop unrelated-icmp
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7 > 198.51.100.1 unreachable quoting 198.51.100.1:nat > 203.0.113.8:53 udp
        drop unrelated-icmp
    wan router 203.0.113.7 > 198.51.100.1 unreachable quoting 198.51.100.1:nat > 203.0.113.7:53 tcp
        drop unrelated-icmp
    wan router 203.0.113.7 > 198.51.100.1 unreachable quoting 198.51.100.1:nat > 203.0.113.7:53 udp later-fragment
        drop unrelated-icmp
    wan router 203.0.113.7 > 198.51.100.2 unreachable quoting 198.51.100.1:nat > 203.0.113.7:53 udp
        drop unrelated-icmp
    wan router 203.0.113.7 > 198.51.100.1 unreachable quoting 198.51.100.1 > 203.0.113.7 time-exceeded
        drop unrelated-icmp
    wan router 203.0.113.7 > 198.51.100.1 unreachable quoting 198.51.100.1 > 203.0.113.7 gre
        drop unrelated-icmp
    wan router 203.0.113.7 > 198.51.100.1 source-quench quoting 198.51.100.1:nat > 203.0.113.7:53 udp
        drop unsolicited
)");

GOLDEN("an ICMP error with a wrong checksum, its own or that of the quoted header, is dropped", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7 > 198.51.100.1 unreachable bad-upper-checksum quoting 198.51.100.1:nat > 203.0.113.7:53 udp
        drop bad-transport
    wan router 203.0.113.7 > 198.51.100.1 unreachable quoting 198.51.100.1:nat > 203.0.113.7:53 udp bad-checksum
        drop bad-transport
    wan router 203.0.113.7 > 198.51.100.1 unreachable quoting 198.51.100.1:nat > 203.0.113.7:53 udp bad-upper-checksum quoted-bytes 28
        out lan pc 203.0.113.7 > 10.0.0.10 unreachable 0 quoting 10.0.0.10:5000 > 203.0.113.7:53 udp ttl 64 BAD-CHECKSUM ttl 63
)");

GOLDEN("no ICMP error answers an ICMP error", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7 > 198.51.100.1 unreachable ttl 1 quoting 198.51.100.1:nat > 203.0.113.7:53 udp
        drop ttl-exceeded
    mtu lan 60
    wan router 203.0.113.7 > 198.51.100.1 unreachable df quoting 198.51.100.1:nat > 203.0.113.7:53 udp
        drop too-big
)");

GOLDEN("ICMP errors neither keep a flow alive nor end it", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7 > 198.51.100.1 unreachable code 2 quoting 198.51.100.1:nat > 203.0.113.7:53 udp
        out lan pc 203.0.113.7 > 10.0.0.10 unreachable 2 quoting 10.0.0.10:5000 > 203.0.113.7:53 udp ttl 64 ttl 63
    wait 20000
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        out lan pc 203.0.113.7:53 > 10.0.0.10:5000 udp ttl 63
    wait 60000
    wan router 203.0.113.7 > 198.51.100.1 unreachable code 2 quoting 198.51.100.1:nat > 203.0.113.7:53 udp
        out lan pc 203.0.113.7 > 10.0.0.10 unreachable 2 quoting 10.0.0.10:5000 > 203.0.113.7:53 udp ttl 64 ttl 63
    wait 62000
    loop
    loop
    wan router 203.0.113.7 > 198.51.100.1 unreachable code 2 quoting 198.51.100.1:nat > 203.0.113.7:53 udp
        drop unrelated-icmp
)");

GOLDEN("an ICMP error waits for its next hop like any other packet", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    forget 10.0.0.10
    wan router 203.0.113.7 > 198.51.100.1 unreachable quoting 198.51.100.1:nat > 203.0.113.7:53 udp
        held
    resolve 10.0.0.10 pc
    loop
        out lan pc 203.0.113.7 > 10.0.0.10 unreachable 0 quoting 10.0.0.10:5000 > 203.0.113.7:53 udp ttl 64 ttl 63
)");

GOLDEN("ICMP errors about the appliance's own connections go to Linux, others do not", R"(
    linux wan router 198.51.100.1:40000 > 203.0.113.7:443 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:443 tcp syn ttl 64
    wan router 203.0.113.200 > 198.51.100.1 unreachable quoting 198.51.100.1:nat > 203.0.113.7:443 tcp syn
        punt wan 203.0.113.200 > 198.51.100.1 unreachable 0 quoting 198.51.100.1:nat > 203.0.113.7:443 tcp syn ttl 64 ttl 64
    wan router 203.0.113.200 > 198.51.100.1 unreachable quoting 198.51.100.1:40001 > 203.0.113.7:443 tcp syn
        drop unrelated-icmp
)");

GOLDEN("an ICMP error between two LAN machines goes to the one that asked", R"(
    lan pc 10.0.0.10:5000 > 10.0.0.11:445 tcp syn
        out lan other 10.0.0.10:5000 > 10.0.0.11:445 tcp syn ttl 63
    lan other 10.0.0.11 > 10.0.0.10 unreachable quoting 10.0.0.10:5000 > 10.0.0.11:445 tcp syn
        out lan pc 10.0.0.11 > 10.0.0.10 unreachable 0 quoting 10.0.0.10:5000 > 10.0.0.11:445 tcp syn ttl 64 ttl 63
    lan guest 10.0.0.66 > 10.0.0.10 unreachable quoting 10.0.0.10:5000 > 10.0.0.11:445 tcp syn
        drop spoofed-address
)");

static const heartgate::dataplane::test::WorldOptions kClamped{.mss = {.ipv4 = 1360, .ipv6 = 1340}};

GOLDEN_WITH(kClamped, "a SYN's MSS is lowered to what the smaller link carries, in both directions and families", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn mss 1460
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn mss 1360 ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp syn-ack mss 8960 nops 1
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp syn-ack mss 1360 ttl 63
    lan pc 10.0.0.10:5001 > 203.0.113.7:80 tcp syn mss 1200
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn mss 1200 ttl 63
    lan pc 10.0.0.10:5002 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:80 tcp syn mss 1440
        out wan router [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:80 tcp syn mss 1340 ttl 63
    wan router [2001:db8:ffff::7]:80 > [2001:db8:1::10]:5000 tcp syn-ack mss 1341 nops 2
        out lan pc [2001:db8:ffff::7]:80 > [2001:db8:1::10]:5000 tcp syn-ack mss 1340 ttl 63
)");

GOLDEN("without a clamp the MSS stays as it is", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn mss 8960
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn mss 8960 ttl 63
)");
