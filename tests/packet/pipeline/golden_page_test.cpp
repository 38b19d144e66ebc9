// SPDX-License-Identifier: Apache-2.0
// The page for machines that are cut off: their plain HTTP goes there and comes back as if from the site, HTTPS is
// reset, and with the cut-off it ends.
#include <catch2/catch.hpp>

#include "script.h"

static const heartgate::dataplane::test::WorldOptions kPage{.page = true};

GOLDEN_WITH(kPage, "plain HTTP of an isolated machine goes to the page, whose answers come as if from the site", R"(
    isolate pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        punt lan 10.0.0.10:5000 > 192.0.2.1:8348 tcp syn ttl 64
    linux lan pc 192.0.2.1:8348 > 10.0.0.10:5000 tcp syn-ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp syn-ack ttl 64
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp ack payload 40
        punt lan 10.0.0.10:5000 > 192.0.2.1:8348 tcp ack ttl 64
    linux lan pc 192.0.2.1:8348 > 10.0.0.10:5000 tcp ack payload 99
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp ack ttl 64
)");

GOLDEN_WITH(kPage, "so does that of a machine that fails the rule's condition, with an agent or without", R"(
    policy heartbeat
    lan guest 10.0.0.66:5000 > 203.0.113.7:80 tcp syn
        punt lan 10.0.0.66:5000 > 192.0.2.1:8348 tcp syn ttl 64
    missing pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        punt lan 10.0.0.10:5000 > 192.0.2.1:8348 tcp syn ttl 64
    lan other 10.0.0.11:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
)");

GOLDEN_WITH(kPage, "HTTPS of a machine that is cut off is reset at once, everything else is dropped as the rule says",
            R"(
    isolate pc
    lan pc 10.0.0.10:5001 > 203.0.113.7:443 tcp syn seq 1000 payload 0
        out lan pc 203.0.113.7:443 > 10.0.0.10:5001 tcp rst-ack ack-number 1001 ttl 64
        drop isolated-source
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:80 tcp syn seq 1000 payload 0
        out lan pc [2001:db8:ffff::7]:80 > [2001:db8:1::10]:5000 tcp rst-ack ack-number 1001 ttl 64
        drop isolated-source
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 udp
        drop isolated-source
    lan pc 10.0.0.10:5000 > 203.0.113.7:8080 tcp syn
        drop isolated-source
    lan pc 10.0.0.10:5000 > 10.0.0.11:80 tcp syn seq 1000 payload 0
        out lan pc 10.0.0.11:80 > 10.0.0.10:5000 tcp rst-ack ack-number 1001 ttl 64
        drop isolated-source
)");

GOLDEN_WITH(kPage, "the page is reached by redirection alone, and nobody else's address leads there", R"(
    lan pc 10.0.0.10:5000 > 192.0.2.1:8348 tcp syn
        drop local-in
    isolate pc
    lan pc 10.0.0.10:5000 > 192.0.2.1:8348 tcp syn
        drop local-in
    lan intruder 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        drop spoofed-address
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        punt lan 10.0.0.10:5000 > 192.0.2.1:8348 tcp syn ttl 64
    lan intruder 10.0.0.10:5000 > 203.0.113.7:80 tcp ack
        drop spoofed-address
    linux lan intruder 192.0.2.1:8348 > 10.0.0.10:5000 tcp syn-ack
        drop spoofed-address
)");

GOLDEN_WITH(kPage, "the page ends with the cut-off: the browser is reset and gets the real site", R"(
    isolate pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        punt lan 10.0.0.10:5000 > 192.0.2.1:8348 tcp syn ttl 64
    linux lan pc 192.0.2.1:8348 > 10.0.0.10:5000 tcp syn-ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp syn-ack ttl 64
    green pc
    linux lan pc 192.0.2.1:8348 > 10.0.0.10:5000 tcp ack payload 99
        drop page-over
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp ack seq 1000 ack-number 7000
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp rst seq 7000 ttl 64
        drop page-over
    lan pc 10.0.0.10:5001 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
)");

GOLDEN_WITH(kPage, "a new connection of a released machine with the ports of one to the page is its first packet", R"(
    isolate pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        punt lan 10.0.0.10:5000 > 192.0.2.1:8348 tcp syn ttl 64
    green pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp syn-ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp syn-ack ttl 63
)");

GOLDEN_WITH(kPage, "an open HTTP connection of a machine that is isolated is reset, the next one gets the page", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp syn-ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp syn-ack ttl 63
    isolate pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp ack seq 1000 ack-number 7000
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp rst seq 7000 ttl 64
        drop isolated-source
    lan pc 10.0.0.10:5001 > 203.0.113.7:80 tcp syn
        punt lan 10.0.0.10:5001 > 192.0.2.1:8348 tcp syn ttl 64
    lan pc 10.0.0.10:5001 > 203.0.113.8:80 tcp syn
        punt lan 10.0.0.10:5001 > 192.0.2.1:8348 tcp syn ttl 64
    linux lan pc 192.0.2.1:8348 > 10.0.0.10:5001 tcp syn-ack
        out lan pc 203.0.113.8:80 > 10.0.0.10:5001 tcp syn-ack ttl 64
)");

GOLDEN_WITH(kPage, "what a machine that is cut off may reach is no matter for the page", R"(
    isolate pc
    lan pc 10.0.0.10:5000 > 203.0.113.99:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.99:80 tcp syn ttl 63
)");

GOLDEN("without a page plain HTTP of an isolated machine is dropped as the rule says", R"(
    isolate pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        drop isolated-source
    lan pc 10.0.0.10:5000 > 203.0.113.7:443 tcp syn
        drop isolated-source
)");
