#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sends malformed, truncated, over-long and fragmented frames from eth0, the same ones each time: named ones, every
truncation of valid packets, and mutations of them from a fixed seed. Prints how many were sent.

malformed.py GATEWAY_MAC SOURCE_IP DESTINATION_IP SOURCE_IP6 DESTINATION_IP6 [--mutations N]
"""
import argparse
import random
import socket

from scapy.all import (ICMP, IP, TCP, UDP, Dot1Q, Ether, ICMPv6EchoRequest, IPOption, IPv6, IPv6ExtHdrFragment,
                       IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, Raw, conf, get_if_hwaddr)

parser = argparse.ArgumentParser()
for name in ("gateway_mac", "source", "destination", "source6", "destination6"):
    parser.add_argument(name)
parser.add_argument("--mutations", type=int, default=3000)
arguments = parser.parse_args()

# Without a source scapy takes that of the interface behind which it believes the destination, or zeros: a switch drops
# those.
own_mac = get_if_hwaddr("eth0")
ethernet = Ether(src=own_mac, dst=arguments.gateway_mac)
four = {"src": arguments.source, "dst": arguments.destination}
six = {"src": arguments.source6, "dst": arguments.destination6}
payload = Raw(b"x" * 64)
valid = [
    ethernet / IP(**four) / UDP(sport=1, dport=9000) / payload,
    ethernet / IP(**four) / TCP(sport=1, dport=80, flags="S") / payload,
    ethernet / IP(**four, options=[IPOption(b"\x94\x04\x00\x00")]) / TCP(sport=1, dport=80, flags="PA") / payload,
    ethernet / IP(**four) / ICMP() / payload,
    ethernet / IP(**four) / ICMP(type=3, code=4) / IP(src=arguments.destination, dst=arguments.source) / UDP() / payload,
    ethernet / IPv6(**six) / UDP(sport=1, dport=9000) / payload,
    ethernet / IPv6(**six) / ICMPv6EchoRequest() / payload,
    ethernet / IPv6(**six) / IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting() / UDP() / payload,
    ethernet / IPv6(**six) / IPv6ExtHdrFragment(offset=0, m=1) / UDP() / payload,
    ethernet / Dot1Q(vlan=7) / IP(**four) / UDP() / payload,
]
named = [
    ethernet / Raw(b""),
    Ether(src=own_mac, dst=arguments.gateway_mac, type=0x88B5) / payload,
    Ether(src=own_mac, dst=arguments.gateway_mac, type=0x0040) / payload,  # IEEE 802.3 length
    ethernet / IP(**four, version=5) / UDP() / payload,
    ethernet / IP(**four, ihl=4) / UDP() / payload,
    ethernet / IP(**four, ihl=15) / UDP(),
    ethernet / IP(**four, len=19) / UDP() / payload,
    ethernet / IP(**four, len=65535) / UDP() / payload,
    ethernet / IP(**four, chksum=1) / UDP() / payload,
    ethernet / IP(**four, flags="MF") / UDP() / payload,
    ethernet / IP(**four, frag=8191) / payload,
    ethernet / IP(**four, flags="MF", frag=8191) / payload,
    ethernet / IP(**four) / UDP(len=3) / payload,
    ethernet / IP(**four) / UDP(len=65535) / payload,
    ethernet / IP(**four) / TCP(dataofs=1) / payload,
    ethernet / IP(**four) / TCP(dataofs=15),
    ethernet / IP(**four, proto=99) / payload,
    ethernet / IP(**four, ttl=0) / UDP() / payload,
    ethernet / IP(**four, ttl=1) / UDP() / payload,
    *[ethernet / IP(src=source, dst=arguments.destination) / UDP() / payload
      for source in ("127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", arguments.destination)],
    *[ethernet / IP(src=arguments.source, dst=destination) / UDP() / payload
      for destination in ("127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1")],
    ethernet / IPv6(**six, version=4) / UDP() / payload,
    ethernet / IPv6(**six, plen=65535) / UDP() / payload,
    ethernet / IPv6(**six, plen=1) / UDP() / payload,
    ethernet / IPv6(**six, nh=0) / Raw(b"\x00\xff" + b"\0" * 6),
    ethernet / IPv6(src="::1", dst=arguments.destination6) / UDP() / payload,
    ethernet / IPv6(src="ff02::1", dst=arguments.destination6) / UDP() / payload,
    Ether(src=arguments.gateway_mac, dst="ff:ff:ff:ff:ff:ff") / IP(**four) / UDP() / payload,
    ethernet / Dot1Q(vlan=4095) / Dot1Q(vlan=0) / Dot1Q(vlan=1) / IP(**four) / UDP() / payload,
    ethernet / IP(**four) / UDP() / Raw(b"x" * 1472),
]
frames = [bytes(frame) for frame in named + valid]
for frame in map(bytes, valid):
    frames += [frame[:length] for length in range(14, len(frame))]
chance = random.Random(1)
for _ in range(arguments.mutations):
    frame = bytearray(bytes(chance.choice(valid)))
    for _ in range(chance.randint(1, 6)):
        frame[chance.randrange(12, len(frame))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    frames.append(bytes(frame[:chance.randint(14, len(frame))]))

TAGS = (b"\x81\x00", b"\x88\xa8")
link = conf.L2socket(iface="eth0")
sent = 0
for frame in frames:
    if frame[12:14] in TAGS and len(frame) < 20:  # Linux itself drops what ends within a tag or the type behind it
        continue
    try:
        sent += link.outs.send(frame) > 0
    except OSError:  # the kernel itself refuses it
        pass
print(sent)
