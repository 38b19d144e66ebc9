#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sends hand-made frames from eth0 to the gateway: numbered UDP packets to the server's port 9000, with another source
address, another MAC, a VLAN tag or in fragments. What arrives is in the server's record.

frames.py FILE     JSON: a list of {"tag", "gateway_mac", "mac", "source", "server", "port", "count"} and optionally
                   {"vlan": ID}, {"fragment": true}; prints how many frames were sent
"""
import json
import sys

from scapy.all import IP, UDP, Dot1Q, Ether, IPv6, Raw, conf, fragment


def frames_of(series):
    ethernet = Ether(src=series["mac"], dst=series["gateway_mac"])
    if "vlan" in series:
        ethernet = ethernet / Dot1Q(vlan=series["vlan"])
    network = IPv6 if ":" in series["source"] else IP
    for number in range(series["count"]):
        header = network(src=series["source"], dst=series["server"])
        if network is IP:
            header.id = number + 1
        payload = f"{series['tag']} {number} 0 ".encode().ljust(96, b"\0")
        packet = header / UDP(sport=series["port"], dport=9000) / Raw(payload)
        for piece in fragment(packet, fragsize=48) if series.get("fragment") else [packet]:
            yield bytes(ethernet / piece)


with open(sys.argv[1], encoding="ascii") as file:
    frames = [frame for series in json.load(file) for frame in frames_of(series)]
socket = conf.L2socket(iface="eth0")
for frame in frames:
    socket.outs.send(frame)
print(len(frames))
