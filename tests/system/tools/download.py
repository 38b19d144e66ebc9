#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A long TCP download that records its progress, one line for each piece received: MONOTONIC_NS TOTAL_BYTES.

download.py URL FILE     runs until the server closes or SIGTERM; never gives up on a silent connection
"""
import signal
import socket
import sys
import time
import urllib.parse

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
url = urllib.parse.urlsplit(sys.argv[1])
connection = socket.create_connection((url.hostname, url.port or 80), timeout=10)
connection.settimeout(None)
connection.sendall(f"GET {url.path}?{url.query} HTTP/1.0\r\nHost: {url.hostname}\r\n\r\n".encode())
total = 0
with open(sys.argv[2], "w", buffering=1, encoding="ascii") as log:
    while piece := connection.recv(65536):
        total += len(piece)
        print(time.monotonic_ns(), total, file=log)
