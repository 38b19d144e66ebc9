// SPDX-License-Identifier: Apache-2.0
// Packets to and from the appliance itself: local-in, ARP and neighbour discovery, DHCP, what Linux sends, ICMP errors.
#include <catch2/catch.hpp>

#include "script.h"

GOLDEN("ARP and neighbour discovery go to Linux, from both sides, for isolated machines too", R"(
    isolate pc
    lan to everybody pc 10.0.0.10 > 10.0.0.1 arp
        punt lan arp
    lan pc 10.0.0.10 > 10.0.0.1 arp
        punt lan arp
    wan to everybody router 198.51.100.254 > 198.51.100.1 arp
        punt wan arp
    lan to group pc fe80::10 > ff02::1:ff00:1 solicitation
        punt lan fe80::10 > ff02::1:ff00:1 icmp 135 ttl 255
    lan pc fe80::10 > fe80::1 advertisement
        punt lan fe80::10 > fe80::1 icmp 136 ttl 255
    lan to group pc :: > ff02::1:ff00:1 solicitation
        punt lan :: > ff02::1:ff00:1 icmp 135 ttl 255
)");

GOLDEN("neighbour discovery from beyond the link is not believed", R"(
    lan pc 2001:db8:1::10 > 2001:db8:1::1 solicitation
        punt lan 2001:db8:1::10 > 2001:db8:1::1 icmp 135 ttl 255
    lan pc 2001:db8:1::10 > 2001:db8:1::1 solicitation ttl 254
        drop bad-transport
    lan pc 2001:db8:1::10 > 2001:db8:1::1 solicitation code 1
        drop bad-transport
)");

GOLDEN("DHCP works for everybody, the client on the WAN side too", R"(
    isolate pc
    lan to everybody pc 0.0.0.0:68 > 255.255.255.255:67 udp
        punt lan 0.0.0.0:68 > 255.255.255.255:67 udp ttl 64
    lan pc 10.0.0.10:68 > 10.0.0.1:67 udp
        punt lan 10.0.0.10:68 > 10.0.0.1:67 udp ttl 64
    lan to everybody other 10.0.0.10:68 > 255.255.255.255:67 udp
        punt lan 10.0.0.10:68 > 255.255.255.255:67 udp ttl 64
    wan router 198.51.100.254:67 > 198.51.100.77:68 udp
        punt wan 198.51.100.254:67 > 198.51.100.77:68 udp ttl 64
    wan to everybody router 198.51.100.254:67 > 255.255.255.255:68 udp
        punt wan 198.51.100.254:67 > 255.255.255.255:68 udp ttl 64
)");

GOLDEN("the heartbeat address is reached by everybody on the LAN, isolated, unknown or with a moved address", R"(
    lan pc 10.0.0.10:5000 > 192.0.2.1:8347 tcp syn
        punt lan 10.0.0.10:5000 > 192.0.2.1:8347 tcp syn ttl 64
    isolate pc
    lan pc 10.0.0.10:5000 > 192.0.2.1:8347 tcp ack
        punt lan 10.0.0.10:5000 > 192.0.2.1:8347 tcp ack ttl 64
    lan guest 10.0.0.66:5000 > 192.0.2.1:8347 tcp syn
        punt lan 10.0.0.66:5000 > 192.0.2.1:8347 tcp syn ttl 64
    lan other 10.0.0.10:5000 > 192.0.2.1:8347 tcp syn
        punt lan 10.0.0.10:5000 > 192.0.2.1:8347 tcp syn ttl 64
    lan pc 10.0.0.10:5000 > 192.0.2.1:8348 tcp syn
        drop local-in
    wan router 203.0.113.7:5000 > 192.0.2.1:8347 tcp syn
        drop unsolicited
)");

GOLDEN("DNS and ping of the gateway are for machines that are not isolated and do not lie about their address", R"(
    lan pc 10.0.0.10:5000 > 10.0.0.1:53 udp
        punt lan 10.0.0.10:5000 > 10.0.0.1:53 udp ttl 64
    lan pc 10.0.0.10:7 > 10.0.0.1 echo
        punt lan 10.0.0.10:7 > 10.0.0.1 echo ttl 64
    lan other 10.0.0.10:5000 > 10.0.0.1:53 udp
        drop spoofed-address
    isolate pc
    lan pc 10.0.0.10:5000 > 10.0.0.1:53 udp
        drop isolated-source
    lan pc 10.0.0.10:7 > 10.0.0.1 echo
        drop isolated-source
)");

GOLDEN("what is not in the local-in table is dropped", R"(
    lan pc 10.0.0.10:5000 > 10.0.0.1:8080 tcp syn
        drop local-in
    lan pc 10.0.0.10:5000 > 10.0.0.1:22 tcp syn
        drop local-in
    lan pc 10.0.0.10:5000 > 198.51.100.1:80 tcp syn
        drop local-in
    wan router 203.0.113.7:5000 > 198.51.100.1:22 tcp syn
        drop unsolicited
    wan router 203.0.113.7:5 > 198.51.100.1 echo
        drop unsolicited
    wan router 203.0.113.7:5000 > 10.0.0.1:53 udp
        drop unsolicited
    wan router 203.0.113.7:5000 > 10.0.0.10:80 tcp syn
        drop unsolicited
    wan router 203.0.113.7:5000 > 203.0.113.9:80 tcp syn
        drop unsolicited
)");

GOLDEN("multicast and broadcast are not routed", R"(
    lan to group pc 10.0.0.10:5353 > 224.0.0.251:5353 udp
        drop multicast
    lan pc 10.0.0.10:5353 > 239.1.2.3:5353 udp
        drop multicast
    lan to everybody pc 10.0.0.10:5000 > 255.255.255.255:9 udp
        drop multicast
    lan to everybody pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop multicast
    lan to everybody pc 10.0.0.10:137 > 10.0.0.255:137 udp
        drop multicast
    lan to group pc [2001:db8:1::10]:5353 > [ff02::fb]:5353 udp
        drop multicast
    lan to group pc fe80::10 > ff02::16 mld hop-by-hop 0 ttl 1
        drop multicast
)");

GOLDEN("what Linux sends leaves as it is, to both sides", R"(
    linux lan pc 10.0.0.1:53 > 10.0.0.10:5000 udp
        out lan pc 10.0.0.1:53 > 10.0.0.10:5000 udp ttl 64
    linux lan everybody 10.0.0.1 > 10.0.0.10 arp
        out lan everybody arp
    isolate pc
    linux lan pc 192.0.2.1:8347 > 10.0.0.10:5000 tcp ack
        out lan pc 192.0.2.1:8347 > 10.0.0.10:5000 tcp ack ttl 64
    linux wan router 198.51.100.1 > 203.0.113.7 gre
        out wan router 198.51.100.1 > 203.0.113.7 protocol 47 ttl 64
)");

GOLDEN("the appliance's own connections get their answers, also after a restart in the middle", R"(
    wan router 203.0.113.7:443 > 198.51.100.1:40000 tcp syn-ack
        drop unsolicited
    linux wan router 198.51.100.1:40000 > 203.0.113.7:443 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:443 tcp syn ttl 64
    wan router 203.0.113.7:443 > 198.51.100.1:40000 tcp syn-ack
        punt wan 203.0.113.7:443 > 198.51.100.1:nat tcp syn-ack ttl 64
    linux wan router 198.51.100.1:40001 > 203.0.113.7:443 tcp ack
        out wan router 198.51.100.1:nat > 203.0.113.7:443 tcp ack ttl 64
    wan router 203.0.113.7:443 > 198.51.100.1:40001 tcp ack
        punt wan 203.0.113.7:443 > 198.51.100.1:nat tcp ack ttl 64
    linux wan router 198.51.100.1:9 > 203.0.113.7 echo
        out wan router 198.51.100.1:nat > 203.0.113.7 echo ttl 64
    wan router 203.0.113.7 > 198.51.100.1:9 echo-reply
        punt wan 203.0.113.7 > 198.51.100.1:nat echo-reply ttl 64
    policy nothing
    wan router 203.0.113.7:443 > 198.51.100.1:40001 tcp ack
        punt wan 203.0.113.7:443 > 198.51.100.1:40001 tcp ack ttl 64
)");

GOLDEN("the appliance's own connections into the LAN get their answers, from the machine that was asked alone", R"(
    lan pc 10.0.0.10:5000 > 10.0.0.1:8080 udp
        drop local-in
    linux lan pc 10.0.0.1:8080 > 10.0.0.10:5000 udp
        out lan pc 10.0.0.1:8080 > 10.0.0.10:5000 udp ttl 64
    lan pc 10.0.0.10:5000 > 10.0.0.1:8080 udp
        punt lan 10.0.0.10:5000 > 10.0.0.1:8080 udp ttl 64
    lan pc 10.0.0.10:5001 > 10.0.0.1:8080 udp
        drop local-in
    lan intruder 10.0.0.10:5000 > 10.0.0.1:8080 udp
        drop spoofed-address
    lan other 10.0.0.10:5000 > 10.0.0.1:8080 udp
        drop spoofed-address
    linux lan pc 10.0.0.1:9 > 10.0.0.10 echo
        out lan pc 10.0.0.1:9 > 10.0.0.10 echo ttl 64
    lan pc 10.0.0.10 > 10.0.0.1:9 echo-reply
        punt lan 10.0.0.10 > 10.0.0.1:9 echo-reply ttl 64
    linux lan pc 10.0.0.1:40000 > 10.0.0.10:80 tcp syn
        out lan pc 10.0.0.1:40000 > 10.0.0.10:80 tcp syn ttl 64
    lan pc 10.0.0.10:80 > 10.0.0.1:40000 tcp syn-ack
        punt lan 10.0.0.10:80 > 10.0.0.1:40000 tcp syn-ack ttl 64
    lan pc 10.0.0.10 > 10.0.0.1 unreachable quoting 10.0.0.1:8080 > 10.0.0.10:5000 udp
        punt lan 10.0.0.10 > 10.0.0.1 unreachable 0 quoting 10.0.0.1:8080 > 10.0.0.10:5000 udp ttl 64 ttl 64
    linux lan guest 10.0.0.1:8080 > 10.0.0.66:5000 udp
        out lan guest 10.0.0.1:8080 > 10.0.0.66:5000 udp ttl 64
    lan guest 10.0.0.66:5000 > 10.0.0.1:8080 udp
        punt lan 10.0.0.66:5000 > 10.0.0.1:8080 udp ttl 64
    linux lan pc [2001:db8:1::1]:8080 > [2001:db8:1::10]:5000 udp
        out lan pc [2001:db8:1::1]:8080 > [2001:db8:1::10]:5000 udp ttl 64
    lan pc [2001:db8:1::10]:5000 > [2001:db8:1::1]:8080 udp
        punt lan [2001:db8:1::10]:5000 > [2001:db8:1::1]:8080 udp ttl 64
)");

GOLDEN("an isolated machine gets no connection from the appliance, and its answers to older ones are dropped", R"(
    linux lan pc 10.0.0.1:40000 > 10.0.0.10:80 tcp syn
        out lan pc 10.0.0.1:40000 > 10.0.0.10:80 tcp syn ttl 64
    lan pc 10.0.0.10:80 > 10.0.0.1:40000 tcp syn-ack
        punt lan 10.0.0.10:80 > 10.0.0.1:40000 tcp syn-ack ttl 64
    isolate pc
    linux lan pc 10.0.0.1:40000 > 10.0.0.10:80 tcp ack
        drop isolated-destination
    lan pc 10.0.0.10:80 > 10.0.0.1:40000 tcp ack
        drop isolated-destination
    linux lan pc 10.0.0.1:40001 > 10.0.0.10:80 tcp syn
        drop isolated-destination
    linux lan pc 10.0.0.1:9 > 10.0.0.10 echo
        drop isolated-destination
    linux lan pc 10.0.0.1:53 > 10.0.0.10:5000 udp
        drop isolated-destination
    linux lan pc [2001:db8:1::1]:8080 > [2001:db8:1::10]:5000 udp
        drop isolated-destination
    linux lan pc 10.0.0.1:40000 > 10.0.0.10:80 gre
        drop isolated-destination
    linux lan pc 192.0.2.1:8347 > 10.0.0.10:5000 tcp ack
        out lan pc 192.0.2.1:8347 > 10.0.0.10:5000 tcp ack ttl 64
    linux lan pc 10.0.0.1:67 > 10.0.0.10:68 udp
        out lan pc 10.0.0.1:67 > 10.0.0.10:68 udp ttl 64
    linux lan pc fe80::1 > 2001:db8:1::10 solicitation
        out lan pc fe80::1 > 2001:db8:1::10 icmp 135 ttl 255
    linux lan pc 10.0.0.1 > 10.0.0.10 arp
        out lan pc arp
    green pc
    linux lan pc 10.0.0.1:40000 > 10.0.0.10:80 tcp ack
        out lan pc 10.0.0.1:40000 > 10.0.0.10:80 tcp ack ttl 64
    lan pc 10.0.0.10:80 > 10.0.0.1:40000 tcp ack
        punt lan 10.0.0.10:80 > 10.0.0.1:40000 tcp ack ttl 64
)");

GOLDEN("answers of the appliance's services make no flows: the local-in table goes on to say who may ask", R"(
    lan pc 10.0.0.10:5000 > 10.0.0.1:53 udp
        punt lan 10.0.0.10:5000 > 10.0.0.1:53 udp ttl 64
    linux lan pc 10.0.0.1:53 > 10.0.0.10:5000 udp
        out lan pc 10.0.0.1:53 > 10.0.0.10:5000 udp ttl 64
    isolate pc
    lan pc 10.0.0.10:5000 > 10.0.0.1:53 udp
        drop isolated-source
)");

GOLDEN("an exception path that is full drops and counts", R"(
    lan pc 10.0.0.10:5000 > 10.0.0.1:53 udp
        punt lan 10.0.0.10:5000 > 10.0.0.1:53 udp ttl 64
    kernel-full
    lan pc 10.0.0.10:5000 > 10.0.0.1:53 udp
        drop kernel-queue-full
)");

GOLDEN("a packet whose TTL ends here is answered with time exceeded; an isolated machine gets no answer", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp ttl 2
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 1
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp ttl 1
        out lan pc 10.0.0.1 > 10.0.0.10 time-exceeded quoting 10.0.0.10:5000 > 203.0.113.7:53 udp ttl 1 ttl 64
        drop ttl-exceeded
    lan pc 10.0.0.10:5001 > 203.0.113.7:53 udp ttl 0
        out lan pc 10.0.0.1 > 10.0.0.10 time-exceeded quoting 10.0.0.10:5001 > 203.0.113.7:53 udp ttl 0 ttl 64
        drop ttl-exceeded
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp ttl 1
        out wan router 198.51.100.1 > 203.0.113.7 time-exceeded quoting 203.0.113.7:53 > 198.51.100.1:nat udp ttl 1 ttl 64
        drop ttl-exceeded
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp ttl 1
        out lan pc 2001:db8:1::1 > 2001:db8:1::10 time-exceeded quoting [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp ttl 1 ttl 64
        drop ttl-exceeded
    isolate pc
    lan pc 10.0.0.10:5002 > 203.0.113.7:53 udp ttl 1
        drop isolated-source
)");

GOLDEN("a packet larger than the way out is answered with the size that fits", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp df payload 1372
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    mtu wan 1400
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp df payload 1372
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp df payload 1373
        out lan pc 10.0.0.1 > 10.0.0.10 too-big 1400 quoting 10.0.0.10:5000 > 203.0.113.7:53 udp ttl 64 ttl 64
        drop too-big
    lan pc 10.0.0.10:5001 > 203.0.113.7:53 udp df payload 1373
        out lan pc 10.0.0.1 > 10.0.0.10 too-big 1400 quoting 10.0.0.10:5001 > 203.0.113.7:53 udp ttl 64 ttl 64
        drop too-big
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp payload 1400
        out lan pc 2001:db8:1::1 > 2001:db8:1::10 too-big 1400 quoting [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp ttl 64 ttl 64
        drop too-big
)");

GOLDEN("a TTL that ends here opens no flow", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn ttl 1
        out lan pc 10.0.0.1 > 10.0.0.10 time-exceeded quoting 10.0.0.10:5000 > 203.0.113.7:80 tcp syn ttl 1 ttl 64
        drop ttl-exceeded
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp ack
        drop bad-tcp-state
)");
