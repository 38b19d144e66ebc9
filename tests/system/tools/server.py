#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The server on the internet side of the laboratory, IPv4 and IPv6.

HTTP ports 80 and 8000: /stream?rate=BYTES_PER_SECOND (never ends), /eicar.com (the EICAR test file), /whoami (the client's
address as seen here). UDP port 9000: records numbered packets with the kernel's time of arrival, one line each, in a
file packets-TAG.log of each sender in the current directory: ARRIVED_NS NUMBER SENT_NS SOURCE. UDP port 7: echo.
Times are CLOCK_MONOTONIC, nanoseconds.
"""
import http.server
import socket
import socketserver
import struct
import threading
import time
import urllib.parse

EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS" + "-TEST-FILE!$H+H*"
SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/stream":
            self.stream(int(urllib.parse.parse_qs(url.query).get("rate", ["200000"])[0]))
        elif url.path == "/eicar.com":
            self.answer(EICAR.encode())
        elif url.path == "/whoami":
            self.answer(self.client_address[0].removeprefix("::ffff:").encode() + b"\n")
        else:
            self.send_error(404)

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, rate):
        self.send_response(200)
        self.end_headers()
        self.connection.settimeout(120)
        chunk = b"\0" * (rate // 50)
        while True:
            try:
                self.wfile.write(chunk)
            except OSError:
                return
            time.sleep(0.02)

    def log_message(self, text, *arguments):
        print(time.monotonic_ns(), self.client_address[0], text % arguments, flush=True)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True
    request_queue_size = 64


def udp_socket(port):
    endpoint = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    endpoint.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    endpoint.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    endpoint.bind(("::", port))
    return endpoint


def record():
    endpoint = udp_socket(9000)
    endpoint.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    logs = {}
    while True:
        data, ancillary, _, source = endpoint.recvmsg(2048, 64)
        arrived = time.monotonic_ns()
        for _, kind, value in ancillary:
            if kind == SO_TIMESTAMPNS:
                seconds, nanoseconds = struct.unpack("qq", value)
                arrived -= time.time_ns() - (seconds * 10**9 + nanoseconds)
        words = data.rstrip(b"\0").decode("ascii", "replace").split()
        if len(words) < 3 or not words[0].replace("-", "").isalnum():
            continue
        if words[0] not in logs:
            logs[words[0]] = open(f"packets-{words[0]}.log", "a", buffering=1, encoding="ascii")
        print(arrived, *words[1:3], source[0].removeprefix("::ffff:"), file=logs[words[0]])


def echo():
    endpoint = udp_socket(7)
    while True:
        data, source = endpoint.recvfrom(2048)
        endpoint.sendto(data, source)


for service in (record, echo):
    threading.Thread(target=service, daemon=True).start()
threading.Thread(target=Server(("::", 8000), Handler).serve_forever, daemon=True).start()
Server(("::", 80), Handler).serve_forever()
