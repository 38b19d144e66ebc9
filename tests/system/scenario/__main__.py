# SPDX-License-Identifier: Apache-2.0
"""Runs the steps in order; see scripts/demo for the arguments."""
import argparse
import pathlib
import signal
import subprocess
import sys

from . import lab, latency, steps_escapes, steps_health, steps_lateral, steps_restart, steps_start, traffic
from .report import Report

STEPS = (
    ("Addresses by DHCP", "DESKTOP-SJAJN20 and adserver get an address from Kea through the dataplane, with udhcpc",
     steps_start.addresses),
    ("Enrolment and heartbeats", "one-time tokens, certificates, heartbeat streams over mutual TLS; both GREEN with name, "
     "user, IP, MAC, since when, last heartbeat", steps_start.enrolment),
    ("The internet through source NAT", "ping and a long TCP download pass; the server sees the WAN address",
     steps_start.internet),
    ("The EICAR test file", "YELLOW at once; ping and the running download stop; adserver's go on without a lost second",
     steps_health.eicar),
    ("Clean again", "stopping the agent while YELLOW frees nobody; the file is removed, GREEN after the dwell time, ping "
     "works again", steps_health.clean_up),
    ("A device without an agent", "never reaches the internet under require_heartbeat",
     steps_health.device_without_agent),
    ("A killed agent", "adserver becomes MISSING after three intervals while its traffic goes on, is cut off, and is back "
     "when its agent is", steps_health.killed_agent),
    ("A file that cannot be removed", "RED: nothing but the allowed list, under any rule; removed by hand it comes back",
     steps_health.cannot_be_removed),
    ("heartgated killed", "0 numbered packets lost, the isolated machine stays isolated, full resync, no reconnect",
     steps_restart.control_plane_killed),
    ("heartgate-dataplane killed", "no packet of the isolated machine passes at any moment; new connections of the others "
     "pass within 1 s of its start", steps_restart.dataplane_killed),
    ("Escapes", "another source IP, another MAC, IPv6, a VLAN tag, fragments, a forged heartbeat: all in vain",
     steps_escapes.escapes),
    ("Lateral protection", "healthy machines take nothing from the sick one and send it nothing, past the gateway, until it "
     "is released", steps_lateral.lateral),
)


class Scenario:
    """What one step leaves for a later one."""

    def __init__(self):
        self.ping = self.download = self.numbered = self.isolated = None
        self.detected = self.quiet_from = 0

    isolation_times = staticmethod(latency.isolation_times)


def show_logs():
    """What is needed to find out why a step did not hold."""
    for log in sorted((lab.RUN / "log").glob("*")):
        lines = log.read_text(errors="replace").splitlines()[-40:]
        print(f"--- {log.name}", *lines, sep="\n", file=sys.stderr)
    print("--- hgctl stats", lab.run("gateway", "hgctl", "stats")[1], sep="\n", file=sys.stderr)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--keep", action="store_true")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report = Report()
    scenario = Scenario()
    try:
        lab.lab("down")
        lab.lab("up")
        for number, (name, expected, step) in enumerate(STEPS, 1):
            report.run(number, name, expected, lambda outcome, step=step: step(outcome, scenario))
        if not report.held:
            show_logs()
    finally:
        traffic.stop_all()
        if arguments.json:
            report.write(arguments.json)
        if not arguments.keep:
            subprocess.run([lab.SCRIPT, "down"], check=False)
    if arguments.keep:
        print("Everything is still running.\n"
              "  enter a host:   scripts/lab exec desktop bash     (also adserver, device, gateway, internet)\n"
              "  ask the gateway: scripts/lab exec gateway hgctl endpoint list\n"
              "  stop it:        scripts/lab down")
    held = sum(step["held"] for step in report.steps)
    print("All steps held." if report.held else f"{held} of {len(STEPS)} steps held.")
    return 0 if report.held else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except lab.Failure as failure:
        sys.exit(f"demo: {failure}")
