#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asks DPDK's telemetry socket, as dpdk-telemetry.py does: one packet says who is there, each command gets one back.

telemetry.py PREFIX COMMAND    prints the answer, JSON
"""
import json
import socket
import sys

prefix, command = sys.argv[1:]
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
    connection.settimeout(10)
    connection.connect(f"/var/run/dpdk/{prefix}/dpdk_telemetry.v2")
    greeting = json.loads(connection.recv(1024))
    connection.send(command.encode())
    print(json.dumps(json.loads(connection.recv(greeting["max_output_len"]))))
