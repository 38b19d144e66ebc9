#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A machine in a VLAN, played by hand, since this kernel has no 8021q: answers ARP for its address, pings a target by way
of its gateway, and says what came back.

tagged_host.py INTERFACE VLAN ADDRESS GATEWAY TARGET [--mac MAC]
                   prints "arp MAC" and "reply N" as they come; exit status 0 if the ping was answered, 1 if not within 4 s
"""
import argparse
import select
import time

from scapy.all import ARP, ICMP, IP, Dot1Q, Ether, Raw, conf, get_if_hwaddr

parser = argparse.ArgumentParser()
for name in ("interface", "vlan", "address", "gateway", "target"):
    parser.add_argument(name)
parser.add_argument("--mac")
arguments = parser.parse_args()

vlan = int(arguments.vlan)
own_mac = arguments.mac or get_if_hwaddr(arguments.interface)
socket = conf.L2socket(iface=arguments.interface)


def send(destination, packet):
    socket.outs.send(bytes(Ether(src=own_mac, dst=destination) / Dot1Q(vlan=vlan) / packet))


def ask():
    send("ff:ff:ff:ff:ff:ff", ARP(op="who-has", hwsrc=own_mac, psrc=arguments.address, pdst=arguments.gateway))


def ping(gateway_mac, number):
    send(gateway_mac, IP(src=arguments.address, dst=arguments.target) / ICMP(id=77, seq=number) / Raw(b"x" * 32))


def tagged(frame):
    return Dot1Q in frame and frame[Dot1Q].vlan == vlan


gateway_mac = None
number = 0
deadline = time.monotonic() + 4
next_step = 0.0
while time.monotonic() < deadline:
    if time.monotonic() >= next_step:
        next_step = time.monotonic() + 0.3
        number += 1
        if gateway_mac is None:
            ask()
        else:
            ping(gateway_mac, number)
    if socket.ins not in select.select([socket.ins], [], [], 0.05)[0]:
        continue
    frame = socket.recv(65535)
    if frame is None or not tagged(frame):
        continue
    if ARP in frame and frame[ARP].op == 1 and frame[ARP].pdst == arguments.address:
        send(frame[ARP].hwsrc, ARP(op="is-at", hwsrc=own_mac, psrc=arguments.address, hwdst=frame[ARP].hwsrc,
                                   pdst=frame[ARP].psrc))
    elif ARP in frame and frame[ARP].op == 2 and frame[ARP].psrc == arguments.gateway and gateway_mac is None:
        gateway_mac = frame[ARP].hwsrc
        next_step = 0.0
        print("arp", gateway_mac, flush=True)
    elif ICMP in frame and frame[ICMP].type == 0 and frame[IP].src == arguments.target and frame[ICMP].id == 77:
        print("reply", frame[ICMP].seq)
        raise SystemExit(0)
raise SystemExit(1)
