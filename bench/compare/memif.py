# SPDX-License-Identifier: Apache-2.0
"""Packet rates over two net_memif ports: the program under test on core 1, the generator on core 0."""
import json
import pathlib
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATAPLANE = ROOT / "build/dataplane/control/heartgate-dataplane"
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


class Program:
    """A program under test: knows its name and how to be started."""

    def start(self, directory):
        with open(directory / "program.log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.command(directory), stdin=subprocess.PIPE, stdout=log,
                                            stderr=subprocess.STDOUT)

    def stop(self):
        self.process.stdin.close()  # testpmd ends when its input does
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Testpmd(Program):
    """dpdk-testpmd in one of its forwarding modes."""

    def __init__(self, mode):
        self.name = f"testpmd {mode}"
        self._mode = mode

    def command(self, directory):
        return ["dpdk-testpmd", "-l", "0,1", "--in-memory", "-m", "128", "--no-pci", "--file-prefix", "hg-bench-testpmd",
                *ports("server", directory / "memif.sock"), "--", f"--forward-mode={self._mode}", "--auto-start",
                "--nb-cores=1", "--rxd=2048", "--txd=2048", "--total-num-mbufs=16384"]


class Heartgate(Program):
    """heartgate-dataplane with source NAT and one rule, neighbours and routes given statically, no kernel."""

    name = "heartgate-dataplane"

    def __init__(self, flows):
        self._flows = flows

    def command(self, directory):
        (directory / "policy.txt").write_text(
            'rules { id: 1 name: "internet" from_zone: "lan" to_zone: "wan" action: ACCEPT }\n')
        device = "net_memif{0},role=server,id={0},socket={1},socket-abstract=no,rsize=11"
        (directory / "dataplane.yaml").write_text(f"""
dpdk: {{file_prefix: hg-bench-dataplane, memory_mb: {192 + self._flows // 1024}}}
workers: {{cores: [1], idle: {{empty_polls: 0}}}}
ports:
  lan:
    device: "{device.format(0, directory / 'memif.sock')}"
    descriptors: 2048
    mac: "{DESTINATION_MAC}"
  wan:
    device: "{device.format(1, directory / 'memif.sock')}"
    descriptors: 2048
    mac: "02:48:47:00:00:02"
zones:
  lan: {{port: lan, addresses: [10.20.0.1/24]}}
  wan: {{port: wan, role: wan, addresses: [203.0.113.1/24, 203.0.113.2/24]}}
kernel: {{enabled: false}}
routes:
  - {{to: 198.18.0.0/15, via: 203.0.113.254, zone: wan}}
neighbours:
  - {{address: 203.0.113.254, mac: "02:48:47:00:01:01", zone: wan}}
heartbeat_addresses: []
flows: {{ipv4_capacity: {max(65536, 2 * self._flows)}, per_source: 0, unanswered_per_source: 0, new_per_second: 0}}
endpoints: {{capacity: 1024}}
control_socket: {directory / 'dataplane.sock'}
standalone_policy: {directory / 'policy.txt'}
""")
        return [DATAPLANE, "--config", directory / "dataplane.yaml"]


def wait_for_socket(program, directory):
    deadline = time.monotonic() + 20
    while not (directory / "memif.sock").exists():
        if program.process.poll() is not None or time.monotonic() > deadline:
            logs = "\n".join(log.read_text(errors="replace") for log in directory.glob("*.log"))
            raise Failure(f"{program.name} did not open its ports\n{logs}")
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
    programs = [Testpmd("io"), Testpmd("macswap"), Heartgate(flows)]
    rates = {program.name: [] for program in programs}
    for _ in range(rounds):
        for program in programs:
            with tempfile.TemporaryDirectory(prefix="heartgate-bench-") as folder:
                directory = pathlib.Path(folder)
                program.start(directory)
                try:
                    wait_for_socket(program, directory)
                    rates[program.name].append(run_generator(directory, seconds, flows, program.name))
                finally:
                    program.stop()
    return [{"program": name, "received_pps": max(values), "rounds": values} for name, values in rates.items()]
