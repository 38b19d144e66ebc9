# SPDX-License-Identifier: Apache-2.0
"""Traffic of the hosts and what became of it. Times are CLOCK_MONOTONIC in nanoseconds; all hosts share one kernel, so
they compare. What arrived is judged by the server's own record, never by what the sender believes."""
import itertools
import json
import signal
import subprocess
import time
from dataclasses import dataclass

from . import lab

SERVER = lab.ADDRESSES["SERVER"]
SERVER6 = lab.ADDRESSES["SERVER6"]
_serial = itertools.count(1)
_running = []


class Background:
    """A command that runs in a host until stop()."""

    def __init__(self, host, *arguments):
        self._process = subprocess.Popen(lab.command(host, *arguments), stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        _running.append(self)

    def stop(self):
        """Ends it; gives its output."""
        if self in _running:
            _running.remove(self)
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            output, _ = self._process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            output, _ = self._process.communicate()
        return output


def stop_all():
    for background in list(_running):
        background.stop()


@dataclass
class Arrival:
    at: int
    number: int
    sent: int
    source: str


class Numbered(Background):
    """Numbered UDP packets from a host to the server, 1,000 per second."""

    def __init__(self, host, destination=SERVER, rate=1000):
        self.tag = f"{host}-{next(_serial)}"
        super().__init__(host, lab.PYTHON, lab.TOOLS / "numbered.py", self.tag, destination, 9000, rate)
        if self._process.stdout.readline() != "sending\n":
            raise lab.Failure(f"sender {self.tag} did not start")

    def stop(self):
        """How many were sent."""
        lines = [line for line in super().stop().splitlines() if line.startswith("{")]
        if not lines:
            raise lab.Failure(f"sender {self.tag} ended early")
        return json.loads(lines[-1])["sent"]

    def arrivals(self):
        return arrivals(self.tag)

    def wait_until_arriving(self, seconds=10):
        """Until its packets arrive, at this very time."""
        since = time.monotonic_ns()
        lab.wait_for(f"packets of {self.tag} at the server", seconds,
                     lambda: any(packet.at > since for packet in self.arrivals()))


def arrivals(tag):
    """What the server has recorded of one sender, in order of arrival."""
    found = []
    for line in lab.file_text("internet", f"packets-{tag}.log").splitlines():
        words = line.split()
        if len(words) == 4:
            found.append(Arrival(int(words[0]), int(words[1]), int(words[2]), words[3]))
    return found


class Download(Background):
    """A long TCP download from the server, with a record of its progress."""

    def __init__(self, host, rate=400_000, server=SERVER):
        self._host = host
        self._file = f"download-{next(_serial)}.log"
        super().__init__(host, lab.PYTHON, lab.TOOLS / "download.py", f"http://{server}/stream?rate={rate}",
                         self._file)

    def progress(self):
        """[(time, total bytes)]"""
        pairs = [line.split() for line in lab.file_text(self._host, self._file).splitlines()]
        return [(int(pair[0]), int(pair[1])) for pair in pairs if len(pair) == 2]

    def wait_until_running(self, seconds=10):
        since = time.monotonic_ns()
        lab.wait_for(f"download on {self._host}", seconds,
                     lambda: any(at > since for at, _ in self.progress()))


class Ping(Background):
    """Pings the server ten times a second."""

    def __init__(self, host, destination=SERVER):
        self._host = host
        self._file = f"ping-{next(_serial)}.log"
        super().__init__(host, "sh", "-c", f"exec ping -D -n -i 0.1 {destination} >{self._file} 2>&1")

    def answers(self):
        """Times of the answers, CLOCK_MONOTONIC, ns."""
        offset = time.time_ns() - time.monotonic_ns()
        times = []
        for line in lab.file_text(self._host, self._file).splitlines():
            if line.startswith("[") and "bytes from" in line:
                times.append(int(float(line[1:line.index("]")]) * 1e9) - offset)
        return times


class Connections(Background):
    """New TCP connections to the server, 50 attempts per second."""

    def __init__(self, host):
        self._host = host
        self._file = f"connections-{next(_serial)}.log"
        super().__init__(host, "sh", "-c",
                         f"exec {lab.PYTHON} {lab.TOOLS}/connect.py {SERVER} >{self._file}")

    def times(self):
        """When each was open, CLOCK_MONOTONIC, ns."""
        return [int(line) for line in lab.file_text(self._host, self._file).splitlines()]


def missing_numbers(packets, start, end):
    """How many numbers are missing among the packets that arrived between start and end."""
    numbers = {packet.number for packet in packets if start < packet.at < end}
    return max(numbers) - min(numbers) + 1 - len(numbers) if numbers else 0


def longest_gap(times, start, end):
    """The longest time without an event between start and end, in seconds."""
    inside = [start, *(at for at in sorted(times) if start < at < end), end]
    return max(later - earlier for earlier, later in zip(inside, inside[1:])) / 1e9


def ping_once(host, destination=SERVER, seconds=1):
    return lab.run(host, "ping", "-n", "-c", "1", "-W", seconds, destination)[0] == 0


def http(host, path="/whoami", server=SERVER, port=80, seconds=2):
    """The body, or None if there was no answer."""
    name = f"[{server}]" if ":" in server else server
    status, output = lab.run(host, "curl", "-s", "-g", "--max-time", seconds, f"http://{name}:{port}{path}")
    return output.strip() if status == 0 else None


def passes(host, seconds, destination=SERVER):
    """How many of a host's numbered packets arrive while it sends for that long; (sent, arrived)."""
    sender = Numbered(host, destination)
    observe(seconds)
    sent = sender.stop()
    return sent, len(sender.arrivals())


def observe(seconds):
    """Lets the traffic run for a while: the length of an observation, not a wait for something."""
    time.sleep(seconds)
