// SPDX-License-Identifier: Apache-2.0
// Fragments: they follow their first one in any order (RFC 4787 REQ-14), and what deceives filters is dropped.
#include <catch2/catch.hpp>

#include "script.h"

GOLDEN("the later fragments of a datagram go the way of the first one, translated, both ways", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 0 to 24
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-24 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 24 to 32
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 24-32 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 32
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 32-48 last ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp payload 40 id 9 from 0 to 24
        out lan pc 203.0.113.7:53 > 10.0.0.10:5000 udp 0-24 ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp payload 40 id 9 from 24
        out lan pc 203.0.113.7 > 10.0.0.10 protocol 17 24-48 last ttl 63
)");

GOLDEN("fragments that come before the first one wait for it, in whatever order", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 32
        held
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 24 to 32
        held
    loop
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 0 to 24
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-24 ttl 63
    loop
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 32-48 last ttl 63
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 24-32 ttl 63
    loop
)");

GOLDEN("fragments of an answer wait for their first one, too", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp payload 40 id 9 from 24
        held
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp payload 40 id 9 from 0 to 24
        out lan pc 203.0.113.7:53 > 10.0.0.10:5000 udp 0-24 ttl 63
    loop
        out lan pc 203.0.113.7 > 10.0.0.10 protocol 17 24-48 last ttl 63
)");

GOLDEN("fragments of a ping and of TCP are followed like those of UDP", R"(
    lan pc 10.0.0.10:77 > 203.0.113.7 echo payload 40 id 7 from 0 to 24
        out wan router 198.51.100.1:nat > 203.0.113.7 echo 0-24 ttl 63
    lan pc 10.0.0.10:77 > 203.0.113.7 echo payload 40 id 7 from 24
        out wan router 198.51.100.1 > 203.0.113.7 protocol 1 24-48 last ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn payload 40 id 8 from 0 to 24
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn 0-24 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn payload 40 id 8 from 24
        out wan router 198.51.100.1 > 203.0.113.7 protocol 6 24-60 last ttl 63
)");

GOLDEN("IPv6 fragments are followed, in any order", R"(
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp payload 40 id 70000 from 24
        held
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp payload 40 id 70000 from 0 to 24
        out wan router [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp 0-24 ttl 63
    loop
        out wan router 2001:db8:1::10 > 2001:db8:ffff::7 protocol 17 24-48 last ttl 63
    wan router [2001:db8:ffff::7]:53 > [2001:db8:1::10]:5000 udp payload 40 id 5 from 0 to 24
        out lan pc [2001:db8:ffff::7]:53 > [2001:db8:1::10]:5000 udp 0-24 ttl 63
    wan router [2001:db8:ffff::7]:53 > [2001:db8:1::10]:5000 udp payload 40 id 5 from 24
        out lan pc 2001:db8:ffff::7 > 2001:db8:1::10 protocol 17 24-48 last ttl 63
)");

GOLDEN("an IPv6 packet that is whole in one fragment goes like any other", R"(
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp fragment-header
        out wan router [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp ttl 63
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp destination-options 0 fragment-header
        out wan router [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp ttl 63
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp fragment-header fragment-header
        drop bad-fragment
    lan pc fe80::10 > fe80::1 advertisement fragment-header
        drop bad-transport
)");

GOLDEN("an isolated machine's fragments do not pass, first or later, old or new, and pass again when it is clean", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 0 to 24
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-24 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 24 to 32
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 24-32 ttl 63
    isolate pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 32
        drop isolated-source
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 8 from 0 to 24
        drop isolated-source
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 8 from 24
        drop isolated-source
    lan pc 10.0.0.10:6000 > 203.0.113.7:53 udp payload 40 id 9 from 0 to 24
        drop isolated-source
    lan pc 10.0.0.10:6000 > 203.0.113.7:53 udp payload 40 id 9 from 24
        held
    lan pc 10.0.0.10:6000 > 203.0.113.7:53 udp payload 40 id 10 from 24
        held
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp payload 40 id 9 from 0 to 24
        drop isolated-source
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp payload 40 id 9 from 24
        drop isolated-source
    lan pc 10.0.0.10:6000 > 203.0.113.7:53 udp payload 40 id 10 from 0 to 24
        drop isolated-source
    wait 2000
    loop
        drop fragment-timeout
        drop fragment-timeout
    green pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 32
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 32-48 last ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 11 from 0 to 24
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-24 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 11 from 24
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 24-48 last ttl 63
)");

GOLDEN("nobody rides on another machine's datagram, or spoils it", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 0 to 24
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-24 ttl 63
    isolate other
    lan other 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 24
        held
    lan other 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 0 to 24
        drop spoofed-address
    loop
        drop spoofed-address
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 24
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 24-48 last ttl 63
)");

GOLDEN("fragments that overlap spoil their datagram (RFC 5722), in both families", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 0 to 24
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-24 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 16 to 32
        drop fragment-overlap
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 24
        drop fragment-overlap
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 8 from 0 to 24
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-24 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 8 from 0 to 16
        drop fragment-overlap
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 8 from 24
        drop fragment-overlap
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp payload 40 id 7 from 0 to 24
        out wan router [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp 0-24 ttl 63
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp payload 40 id 7 from 16
        drop fragment-overlap
)");

GOLDEN("a second end, or bytes behind the end, spoil the datagram", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 60 id 7 from 0 to 16
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-16 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 24
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 24-48 last ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 60 id 7 from 48
        drop fragment-overlap
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 60 id 8 from 0 to 16
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-16 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 60 id 8 from 48 to 56
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 48-56 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 8 from 24
        drop fragment-overlap
)");

GOLDEN("first fragments that hide their upper-layer header are dropped (RFC 1858, RFC 3128, RFC 7112)", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn id 7 from 0 to 8
        drop tiny-fragment
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn id 7 from 8
        drop tiny-fragment
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn data-offset 8 id 8 from 0 to 24
        drop tiny-fragment
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:80 tcp syn id 7 from 0 to 16
        drop tiny-fragment
)");

GOLDEN("sizes that no fragment has, and the ping of death, are dropped", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 0 to 20
        drop bad-fragment
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 24 to 24
        drop bad-fragment
    lan pc 10.0.0.10 > 203.0.113.7 echo payload 40 id 7 from 8 offset 65528
        drop bad-fragment
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp payload 40 id 7 from 8 offset 65528
        drop bad-fragment
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp udp-length 20 payload 40 id 7 from 0 to 24
        drop bad-transport
)");

GOLDEN("a fragment whose first one does not come is dropped after two seconds", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 24
        held
    wait 1999
    loop
    wait 1
    loop
        drop fragment-timeout
)");

GOLDEN("a datagram is followed for 30 seconds", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 0 to 24
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-24 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 8 from 0 to 24
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-24 ttl 63
    wait 29999
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 24
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 24-48 last ttl 63
    wait 1
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 8 from 24
        held
)");

GOLDEN("an identification may be used again once its datagram is complete", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 0 to 24
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-24 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 24
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 24-48 last ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 0 to 24
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-24 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 24
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 24-48 last ttl 63
)");

GOLDEN("fragments wait for their next hop like whole packets", R"(
    forget 198.51.100.254
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 0 to 24
        held
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 24
        held
    resolve 198.51.100.254 router
    loop
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-24 ttl 63
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 24-48 last ttl 63
    forget 198.51.100.254
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 8 from 0 to 24
        held
    resolve 198.51.100.254 router
    loop
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-24 ttl 63
    forget 198.51.100.254
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 8 from 24
        held
    resolve 198.51.100.254 router
    loop
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 24-48 last ttl 63
)");

GOLDEN("fragments to the appliance pass the local-in table with the ports of the first one", R"(
    lan pc 10.0.0.10:7 > 10.0.0.1 echo payload 40 id 7 from 0 to 24
        punt lan 10.0.0.10:7 > 10.0.0.1 echo 0-24 ttl 64
    lan pc 10.0.0.10:7 > 10.0.0.1 echo payload 40 id 7 from 24 to 32
        punt lan 10.0.0.10 > 10.0.0.1 protocol 1 24-32 ttl 64
    isolate pc
    lan pc 10.0.0.10:7 > 10.0.0.1 echo payload 40 id 7 from 32
        drop isolated-source
    lan pc 10.0.0.10:5000 > 10.0.0.1:8080 udp payload 40 id 8 from 0 to 24
        drop local-in
    lan pc 10.0.0.10:5000 > 10.0.0.1:8080 udp payload 40 id 8 from 24
        held
)");

GOLDEN("answers in fragments to the appliance's own connections go to Linux", R"(
    linux wan router 198.51.100.1:40000 > 203.0.113.7:53 udp payload 40 id 7 from 0 to 24
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-24 ttl 64
    linux wan router 198.51.100.1:40000 > 203.0.113.7:53 udp payload 40 id 7 from 24
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 24-48 last ttl 64
    wan router 203.0.113.7:53 > 198.51.100.1:40000 udp payload 40 id 9 from 0 to 24
        punt wan 203.0.113.7:53 > 198.51.100.1:nat udp 0-24 ttl 64
    wan router 203.0.113.7:53 > 198.51.100.1:40000 udp payload 40 id 9 from 24
        punt wan 203.0.113.7 > 198.51.100.1 protocol 17 24-48 last ttl 64
    wan router 203.0.113.8:53 > 198.51.100.1:40000 udp payload 40 id 9 from 0 to 24
        drop unsolicited
    wan router 203.0.113.8:53 > 198.51.100.1:40000 udp payload 40 id 9 from 24
        held
)");

GOLDEN("a TTL that ends here is no fragment's way; the first one is answered", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 0 to 24
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-24 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 ttl 1 from 24
        drop ttl-exceeded
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 8 ttl 1 from 0 to 24
        out lan pc 10.0.0.1 > 10.0.0.10 time-exceeded quoting 10.0.0.10:5000 > 203.0.113.7:53 udp 0-24 ttl 1 ttl 64
        drop ttl-exceeded
)");

GOLDEN("a packet that is larger than the way out and may be fragmented is (RFC 1812, 5.2.6), new flow or old", R"(
    mtu wan 68
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 92
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-48 ttl 63
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 48-96 ttl 63
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 96-100 last ttl 63
    lan pc 10.0.0.10:6000 > 203.0.113.7:53 udp payload 60
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-48 ttl 63
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 48-68 last ttl 63
    lan pc 10.0.0.10:6000 > 203.0.113.7:53 udp payload 60 df
        out lan pc 10.0.0.1 > 10.0.0.10 too-big 68 quoting 10.0.0.10:6000 > 203.0.113.7:53 udp ttl 64 ttl 64
        drop too-big
    isolate pc
    lan pc 10.0.0.10:6000 > 203.0.113.7:53 udp payload 60
        drop isolated-source
)");

GOLDEN("an answer that is larger than the LAN's MTU is fragmented, too", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    mtu lan 68
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp payload 60
        out lan pc 203.0.113.7:53 > 10.0.0.10:5000 udp 0-48 ttl 63
        out lan pc 203.0.113.7 > 10.0.0.10 protocol 17 48-68 last ttl 63
)");

GOLDEN("fragments that are larger than the way out are taken apart once more", R"(
    mtu wan 68
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 192 id 7 from 0 to 64
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-48 ttl 63
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 48-64 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 192 id 7 from 64 to 128
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 64-112 ttl 63
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 112-128 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 192 id 7 from 128
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 128-176 ttl 63
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 176-200 last ttl 63
)");

GOLDEN("more gaps than anyone needs spoil a datagram", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 400 id 7 from 0 to 8
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-8 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 400 id 7 from 16 to 24
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 16-24 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 400 id 7 from 32 to 40
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 32-40 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 400 id 7 from 48 to 56
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 48-56 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 400 id 7 from 64 to 72
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 64-72 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 400 id 7 from 80 to 88
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 80-88 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 400 id 7 from 96 to 104
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 96-104 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 400 id 7 from 112 to 120
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 112-120 ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 400 id 7 from 128 to 136
        drop fragment-limit
)");

GOLDEN("a first fragment that does not pass leaves nothing behind: the right one is not in its way", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7:99 > 198.51.100.1:nat udp payload 40 id 9 from 0 to 24
        drop unsolicited
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp payload 40 id 9 from 0 to 24
        out lan pc 203.0.113.7:53 > 10.0.0.10:5000 udp 0-24 ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp payload 40 id 9 from 24
        out lan pc 203.0.113.7 > 10.0.0.10 protocol 17 24-48 last ttl 63
)");

GOLDEN("a fragment whose flow has ended since its first one is an orphan", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 0 to 24
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-24 ttl 63
    no-wan-address
    loop 20
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 24
        drop orphan-fragment
)");
