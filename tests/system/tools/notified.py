#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command as a service manager does: with a notification socket. Prints each message it sends, until it ends.

notified.py COMMAND [ARGUMENT...]
"""
import os
import signal
import socket
import subprocess
import sys
import tempfile

folder = tempfile.TemporaryDirectory()
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(f"{folder.name}/notify")
receiver.settimeout(0.2)
process = subprocess.Popen(sys.argv[1:], env=os.environ | {"NOTIFY_SOCKET": f"{folder.name}/notify"})
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: process.terminate())
while process.poll() is None:
    try:
        print(receiver.recv(4096).decode(), flush=True)
    except TimeoutError:
        pass
sys.exit(process.returncode)
