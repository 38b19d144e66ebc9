#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sends numbered UDP packets ("TAG NUMBER SENT_NS") at a steady rate until SIGTERM. Prints "sending" when it begins, and
at the end how many it has sent, as JSON.

numbered.py TAG DESTINATION [PORT [RATE]]     RATE in packets per second, default 1000
"""
import json
import signal
import socket
import sys
import time

tag, destination = sys.argv[1:3]
port = int(sys.argv[3]) if len(sys.argv) > 3 else 9000
period = 1.0 / float(sys.argv[4] if len(sys.argv) > 4 else 1000)
running = True


def stop(*_):
    global running
    running = False


signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
family = socket.AF_INET6 if ":" in destination else socket.AF_INET
endpoint = socket.socket(family, socket.SOCK_DGRAM)
endpoint.connect((destination, port))
print("sending", flush=True)
number = refused = 0
due = time.monotonic()
while running:
    try:
        endpoint.send(b"%s %d %d" % (tag.encode(), number, time.monotonic_ns()))
    except OSError:  # an ICMP error for an earlier packet, or no route: the number stays unsent
        refused += 1
        try:
            endpoint.send(b"%s %d %d" % (tag.encode(), number, time.monotonic_ns()))
        except OSError:
            pass
    number += 1
    due = max(due + period, time.monotonic() - 0.05)  # after a pause: catch up at most 50 ms
    time.sleep(max(0.0, due - time.monotonic()))
print(json.dumps({"sent": number, "refused": refused}), flush=True)
