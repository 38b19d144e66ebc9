# SPDX-License-Identifier: Apache-2.0
"""Packet rates over two net_memif ports: the program under test on core 1, the generator on core 0."""
import json
import pathlib
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
GENERATOR = ROOT / "build/bench/memif/generator"
DESTINATION_MAC = "02:48:47:00:00:01"  # of the appliance's LAN port; testpmd does not look at it


class Failure(Exception):
    """A program did not do what was expected; the text says which, and shows its output."""


def ports(role, socket):
    """EAL arguments of the two ports; the other side connects to the same socket."""
    arguments = []
    for number in (0, 1):
        arguments += ["--vdev", f"net_memif{number},role={role},id={number},socket={socket},socket-abstract=no,rsize=11"]
    return arguments


class Testpmd:
    """dpdk-testpmd in one of its forwarding modes."""

    def __init__(self, mode):
        self.name = f"testpmd {mode}"
        self._mode = mode

    def start(self, directory):
        log = open(directory / "testpmd.log", "w", encoding="utf-8")
        self._process = subprocess.Popen(
            ["dpdk-testpmd", "-l", "0,1", "--in-memory", "-m", "128", "--no-pci", "--file-prefix", "hg-bench-testpmd",
             *ports("server", directory / "memif.sock"), "--", f"--forward-mode={self._mode}", "--auto-start",
             "--nb-cores=1", "--rxd=2048", "--txd=2048", "--total-num-mbufs=16384"],
            stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT)
        return self._process

    def stop(self):
        self._process.stdin.close()  # it ends when its input does
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def wait_for_socket(process, directory, name):
    deadline = time.monotonic() + 20
    while not (directory / "memif.sock").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            logs = "\n".join(log.read_text(errors="replace") for log in directory.glob("*.log"))
            raise Failure(f"{name} did not open its ports\n{logs}")
        time.sleep(0.02)


def run_generator(directory, seconds, flows, name):
    result = subprocess.run(
        [GENERATOR, "-l", "0", "--in-memory", "-m", str(96 + flows * 3 // 1024), "--no-pci", "--file-prefix",
         "hg-bench-generator", *ports("client", directory / "memif.sock"), "--", "--flows", str(flows), "--seconds",
         str(seconds), "--destination-mac", DESTINATION_MAC],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
    if result.returncode != 0 or not lines:
        logs = "\n".join(log.read_text(errors="replace")[-2000:] for log in directory.glob("*.log"))
        raise Failure(f"generator against {name}: {result.stderr[-2000:]}\n{logs}")
    return json.loads(lines[-1])["received_pps"]


def measure(rounds, seconds, flows):
    """A list of {"program", "received_pps" (best), "rounds"}; the first is the base of the ratios."""
    programs = [Testpmd("io"), Testpmd("macswap")]
    rates = {program.name: [] for program in programs}
    for _ in range(rounds):
        for program in programs:
            with tempfile.TemporaryDirectory(prefix="heartgate-bench-") as folder:
                directory = pathlib.Path(folder)
                process = program.start(directory)
                try:
                    wait_for_socket(process, directory, program.name)
                    rates[program.name].append(run_generator(directory, seconds, flows, program.name))
                finally:
                    program.stop()
    return [{"program": name, "received_pps": max(values), "rounds": values} for name, values in rates.items()]
