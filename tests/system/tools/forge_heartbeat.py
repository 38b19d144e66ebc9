#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tries to report GREEN to the listener with curl as the gRPC client: with no certificate, or with any certificate. The
message is encoded by hand, so that no stubs are needed. Prints the answer's headers and trailers, or curl's error.

forge_heartbeat.py ADDRESS [CERTIFICATE KEY] [--boot N] [--sequence N] [--colour N] [--bytes N]
"""
import argparse
import subprocess
import time

parser = argparse.ArgumentParser()
parser.add_argument("address")
parser.add_argument("identity", nargs="*")
parser.add_argument("--boot", type=int, default=int(time.time()))
parser.add_argument("--sequence", type=int, default=1 << 40)
parser.add_argument("--colour", type=int, default=1)
parser.add_argument("--bytes", type=int, help="so many bytes that are no heartbeat, instead of one")
arguments = parser.parse_args()


def varint(value):
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(0x80 | (value & 0x7F))
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def number(field, value):
    return varint(field << 3) + varint(value)


def text(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


message = (number(1, arguments.boot) + number(2, arguments.sequence) + number(3, arguments.colour) +
           text(5, b"DESKTOP-SJAJN20") + text(6, b"forger") + text(7, b"0") + text(8, b"linux") + number(9, 500))
if arguments.bytes is not None:
    message = b"\xff" * arguments.bytes
body = b"\0" + len(message).to_bytes(4, "big") + message
identity = ["--cert", arguments.identity[0], "--key", arguments.identity[1]] if arguments.identity else []
result = subprocess.run(
    ["curl", "-sSk", "--http2", "--max-time", "5", *identity, "-H", "content-type: application/grpc", "-H", "te: trailers",
     "--data-binary", "@-", "-o", "/dev/null", "-D", "-",
     f"https://{arguments.address}:8347/heartgate.v1.HeartbeatService/Session"],
    input=body, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
print(result.stdout.decode("utf-8", "replace"))
