#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Opens a new TCP connection to the server every 20 ms until SIGTERM; prints CLOCK_MONOTONIC, ns, of each that is open.

connect.py ADDRESS [PORT]
"""
import select
import signal
import socket
import sys
import time

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
address, port = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 80
pending = {}
while True:
    attempt = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    attempt.setblocking(False)
    try:
        attempt.connect((address, port))
    except BlockingIOError:
        pending[attempt.fileno()] = (attempt, time.monotonic())
    except OSError:
        attempt.close()
    end = time.monotonic() + 0.02
    while (left := end - time.monotonic()) > 0:
        _, ready, _ = select.select([], [entry[0] for entry in pending.values()], [], left)
        for opened in ready:
            if opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                print(time.monotonic_ns(), flush=True)
            del pending[opened.fileno()]
            opened.close()
    for descriptor, (opened, since) in list(pending.items()):
        if time.monotonic() - since > 0.5:  # its SYN was dropped: a real client's next try is another connection here
            del pending[descriptor]
            opened.close()
