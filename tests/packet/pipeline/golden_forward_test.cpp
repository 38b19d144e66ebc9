// SPDX-License-Identifier: Apache-2.0
// What passes, and how it is changed on its way: source NAT, TTL, checksums, link layer, routes.
#include <catch2/catch.hpp>

#include "script.h"

GOLDEN("a UDP packet leaves by the WAN with the WAN address, and its answer comes back", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp ttl 50
        out lan pc 203.0.113.7:53 > 10.0.0.10:5000 udp ttl 49
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");

GOLDEN("a TCP connection is opened from the LAN, used both ways and closed", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp syn-ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp syn-ack ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp ack payload 0
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp ack ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp ack payload 1400
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp ack ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp fin
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp fin ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp rst
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp rst ttl 63
)");

GOLDEN("a ping goes out with a translated identifier and its reply comes back", R"(
    lan pc 10.0.0.10:77 > 203.0.113.7 echo
        out wan router 198.51.100.1:nat > 203.0.113.7 echo ttl 63
    wan router 203.0.113.7 > 198.51.100.1:nat echo-reply
        out lan pc 203.0.113.7 > 10.0.0.10:77 echo-reply ttl 63
)");

GOLDEN("an echo reply that is all zero once its identifier is back has the checksum of zeros", R"(
    lan pc 10.0.0.10 > 203.0.113.7 echo payload 0
        out wan router 198.51.100.1:nat > 203.0.113.7 echo ttl 63
    wan router 203.0.113.7 > 198.51.100.1:nat echo-reply payload 0
        out lan pc 203.0.113.7 > 10.0.0.10 echo-reply ttl 63
)");

GOLDEN("IPv6 is forwarded without translation, both ways", R"(
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp
        out wan router [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp ttl 63
    wan router [2001:db8:ffff::7]:53 > [2001:db8:1::10]:5000 udp
        out lan pc [2001:db8:ffff::7]:53 > [2001:db8:1::10]:5000 udp ttl 63
    lan pc [2001:db8:1::10]:5 > 2001:db8:ffff::7 echo
        out wan router [2001:db8:1::10]:5 > 2001:db8:ffff::7 echo ttl 63
    wan router 2001:db8:ffff::7 > [2001:db8:1::10]:5 echo-reply
        out lan pc 2001:db8:ffff::7 > [2001:db8:1::10]:5 echo-reply ttl 63
)");

GOLDEN("a UDP packet without a checksum keeps having none", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp no-checksum
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp no-checksum ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp no-checksum
        out lan pc 203.0.113.7:53 > 10.0.0.10:5000 udp no-checksum ttl 63
)");

GOLDEN("padding behind the IP packet is cut off", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 0 pad 18
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp payload 1 pad 17
        out lan pc 203.0.113.7:53 > 10.0.0.10:5000 udp ttl 63
)");

GOLDEN("IPv4 options and IPv6 extension headers are carried along", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp option 7
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp hop-by-hop 0 destination-options 1
        out wan router [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp ttl 63
)");

GOLDEN("two packets of a new flow in one burst share it", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp + pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");

GOLDEN("one inside port keeps its WAN port towards every server", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.8:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.8:53 udp ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        out lan pc 203.0.113.7:53 > 10.0.0.10:5000 udp ttl 63
)");

GOLDEN("an answer from an address or port that was not asked is unsolicited", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.8:53 > 198.51.100.1:nat udp
        drop unsolicited
    wan router 203.0.113.7:54 > 198.51.100.1:nat udp
        drop unsolicited
    wan router 203.0.113.7:53 > 198.51.100.1:nat+1 udp
        drop unsolicited
)");

GOLDEN("from LAN to LAN through the gateway is transit without translation", R"(
    lan pc 10.0.0.10:5000 > 10.0.0.11:445 tcp syn
        out lan other 10.0.0.10:5000 > 10.0.0.11:445 tcp syn ttl 63
    lan other 10.0.0.11:445 > 10.0.0.10:5000 tcp syn-ack
        out lan pc 10.0.0.11:445 > 10.0.0.10:5000 tcp syn-ack ttl 63
    lan intruder 10.0.0.11:445 > 10.0.0.10:5000 tcp ack
        drop spoofed-address
    lan guest 10.0.0.11:445 > 10.0.0.10:5000 tcp ack
        drop spoofed-address
)");

GOLDEN("a rule may let the WAN open IPv6 connections to the LAN; the answer comes from that machine alone", R"(
    wan router [2001:db8:ffff::7]:5000 > [2001:db8:1::10]:80 tcp syn
        drop unsolicited
    policy wan-open
    wan router [2001:db8:ffff::7]:5000 > [2001:db8:1::10]:80 tcp syn
        out lan pc [2001:db8:ffff::7]:5000 > [2001:db8:1::10]:80 tcp syn ttl 63
    lan pc [2001:db8:1::10]:80 > [2001:db8:ffff::7]:5000 tcp syn-ack
        out wan router [2001:db8:1::10]:80 > [2001:db8:ffff::7]:5000 tcp syn-ack ttl 63
    lan intruder [2001:db8:1::10]:80 > [2001:db8:ffff::7]:5000 tcp ack
        drop spoofed-address
    isolate pc
    wan router [2001:db8:ffff::7]:5000 > [2001:db8:1::10]:80 tcp ack
        drop isolated-destination
    lan pc [2001:db8:1::10]:80 > [2001:db8:ffff::7]:5000 tcp ack
        drop isolated-destination
)");

GOLDEN("a flow follows a changed route to another router", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    resolve 198.51.100.253 intruder
    resolve 198.51.100.253 router
    route 203.0.113.0/24 wan 198.51.100.253
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        out lan pc 203.0.113.7:53 > 10.0.0.10:5000 udp ttl 63
)");

GOLDEN("a flow whose route now leads to the other port is not carried there", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    route 203.0.113.0/24 lan 10.0.0.11
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop no-route
)");

GOLDEN("a flow whose route has gone is dropped, and goes on when it is back", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    unroute 0.0.0.0/0
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop no-route
    route 0.0.0.0/0 wan 198.51.100.254
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");

static const heartgate::dataplane::test::WorldOptions kTagged{.lan_vlan = 7};

GOLDEN_WITH(kTagged, "a zone with a VLAN takes its own tag off and puts it on again", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp vlan 7
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        out lan pc vlan 7 203.0.113.7:53 > 10.0.0.10:5000 udp ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop unknown-vlan
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp vlan 8
        drop unknown-vlan
    lan pc 10.0.0.10:5001 > 203.0.113.7:53 udp vlan 7 ttl 1
        out lan pc vlan 7 10.0.0.1 > 10.0.0.10 time-exceeded quoting 10.0.0.10:5001 > 203.0.113.7:53 udp ttl 1 ttl 64
        drop ttl-exceeded
)");

static const heartgate::dataplane::test::WorldOptions kSite{
    .untranslated = {{.lan = *heartgate::dataplane::Network::parse("10.0.0.0/24"),
                      .wan = *heartgate::dataplane::Network::parse("172.16.0.0/12")}}};

GOLDEN_WITH(kSite, "between networks without NAT addresses stay, both may connect as rules say, others are translated",
            R"(
    lan pc 10.0.0.10:5000 > 172.16.1.2:53 udp
        out wan router 10.0.0.10:5000 > 172.16.1.2:53 udp ttl 63
    wan router 172.16.1.2:53 > 10.0.0.10:5000 udp
        out lan pc 172.16.1.2:53 > 10.0.0.10:5000 udp ttl 63
    wan router 172.16.1.3:5000 > 10.0.0.10:80 tcp syn
        drop unsolicited
    policy wan-open
    wan router 172.16.1.3:5000 > 10.0.0.10:80 tcp syn
        out lan pc 172.16.1.3:5000 > 10.0.0.10:80 tcp syn ttl 63
    lan pc 10.0.0.10:80 > 172.16.1.3:5000 tcp syn-ack
        out wan router 10.0.0.10:80 > 172.16.1.3:5000 tcp syn-ack ttl 63
    wan router 203.0.113.7:5000 > 10.0.0.10:80 tcp syn
        drop unsolicited
    isolate pc
    wan router 172.16.1.3:5001 > 10.0.0.10:80 tcp syn
        drop isolated-destination
    wan router 172.16.1.2:53 > 10.0.0.10:5000 udp
        drop isolated-source
    green pc
    policy any
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");

static const heartgate::dataplane::test::WorldOptions kJumbo{.mtu = 9000};

GOLDEN_WITH(kJumbo,
            "a jumbo frame passes where both links can, and is answered with the size that fits where one cannot", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 8972
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp payload 8972
        out lan pc 203.0.113.7:53 > 10.0.0.10:5000 udp ttl 63
    mtu wan 1500
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 8972 df
        out lan pc 10.0.0.1 > 10.0.0.10 too-big 1500 quoting 10.0.0.10:5000 > 203.0.113.7:53 udp ttl 64 ttl 64
        drop too-big
)");
