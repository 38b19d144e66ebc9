# SPDX-License-Identifier: Apache-2.0
"""The laboratory as the steps see it: commands in hosts, programs of the appliance, and hgctl's answers. All of it goes
through scripts/lab, which people use, too."""
import base64
import ipaddress
import json
import os
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts/lab"
TOOLS = ROOT / "tests/system/tools"
PYTHON = "/usr/bin/python3"
RUN = pathlib.Path("/run/heartgate-lab") / os.environ.get("HEARTGATE_LAB", "hg")

ADDRESSES = dict(line.split("=", 1) for line in (ROOT / "tests/system/addresses.sh").read_text().splitlines()
                 if "=" in line and not line.startswith("#"))
HOST_NAMES = {"desktop": "DESKTOP-SJAJN20", "adserver": "adserver"}


class Failure(Exception):
    """Something that a step needs did not happen; the text says what."""


def wait_for(what, seconds, condition):
    """The first true value of condition(), asked again and again; Failure after that many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {seconds} s")
        time.sleep(0.03)


def command(host, *arguments):
    return [str(SCRIPT), "exec", host, *map(str, arguments)]


def run(host, *arguments, timeout=30):
    """A command in a host: (exit status, standard output)."""
    try:
        result = subprocess.run(command(host, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return 124, ""
    return result.returncode, result.stdout


def must(host, *arguments, timeout=30):
    """The output of a command that has to succeed."""
    result = subprocess.run(command(host, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            stdin=subprocess.DEVNULL, text=True, timeout=timeout)
    if result.returncode != 0:
        raise Failure(f"{host}: {' '.join(map(str, arguments))}: {(result.stderr or result.stdout).strip()[-500:]}")
    return result.stdout


def lab(*arguments):
    result = subprocess.run([str(SCRIPT), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if result.returncode != 0:
        raise Failure(f"scripts/lab {' '.join(arguments)}: {result.stderr.strip()[-500:]}")
    return result.stdout


def file_text(host, name):
    """The text of a file in a host's home directory, '' if there is none. Whole lines only."""
    holder = (RUN / f"pid/host-{host}").read_text().split()[0]
    path = pathlib.Path(f"/proc/{holder}/root{RUN}/{host}/home/user/{name}")
    text = path.read_text(errors="replace") if path.exists() else ""
    return text[:text.rfind("\n") + 1]


def log_text(program):
    return (RUN / "log" / program).read_text(errors="replace")


def hgctl(*arguments):
    """hgctl's answer as data."""
    return json.loads(must("gateway", "hgctl", *arguments, "--output", "json") or "{}")


def endpoint(host):
    """The endpoint of a host as hgctl shows it, or {}; addresses as text."""
    status, output = run("gateway", "hgctl", "endpoint", "list", "--output", "json")
    if status != 0:
        return {}
    for entry in json.loads(output).get("endpoints", []):
        if entry.get("host") == HOST_NAMES[host]:
            entry["addresses"] = [str(ipaddress.ip_address(base64.b64decode(binding["address"])))
                                  for binding in entry.get("bindings", [])]
            entry["macs"] = sorted({base64.b64decode(binding["mac"]).hex(":") for binding in entry.get("bindings", [])})
            return entry
    return {}


def wait_for_endpoint(host, seconds, **wanted):
    """Until hgctl shows these values for the endpoint; gives it."""

    def matches():
        entry = endpoint(host)
        return entry if entry and all(entry.get(key) == value for key, value in wanted.items()) else None

    what = ", ".join(f"{key} {value}" for key, value in wanted.items())
    try:
        return wait_for(f"{HOST_NAMES[host]} {what}", seconds, matches)
    except Failure as failure:
        entry = endpoint(host)
        shown = {key: entry.get(key) for key in ("colour", "presence", "isolated", "cut_off", "reasons")}
        raise Failure(f"{failure}; it is {shown}") from None


def address_of(host):
    """The IPv4 address that DHCP gave to a host, or ''."""
    output = must(host, "ip", "-4", "-json", "address", "show", "dev", "eth0")
    addresses = [info["local"] for link in json.loads(output) for info in link.get("addr_info", [])]
    return addresses[0] if addresses else ""


def started_at(program):
    """When the process of a program began, CLOCK_MONOTONIC, ns (to 10 ms; the machine is not suspended meanwhile)."""
    ticks = int((RUN / "pid" / program).read_text().split()[1])
    return ticks * 10**9 // os.sysconf("SC_CLK_TCK")


def apply_policy(text):
    """Applies a policy and waits until the dataplane has swapped it in."""
    path = RUN / "gateway/etc/policy-of-step.yaml"
    path.write_text(text)
    reply = hgctl("policy", "apply", str(path))
    if not reply.get("applied"):
        raise Failure(f"policy not applied: {reply}")
    return reply
