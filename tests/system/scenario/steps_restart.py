# SPDX-License-Identifier: Apache-2.0
"""Steps 9 and 10: neither process of the appliance frees anybody, or harms a healthy machine, by dying."""
import time

from . import lab, traffic


def streams(host):
    """The heartbeat connections of a host: its own ports."""
    output = lab.must(host, "ss", "-Htn", "state", "established", "dport", "=", ":8347")
    return sorted(line.split()[2] for line in output.splitlines())


def synced(incarnation_before):
    status, output = lab.run("gateway", "hgctl", "status", "--output", "json")
    if status != 0:
        return None
    answer = lab.json.loads(output)
    attached = answer.get("dataplane_attached") and answer.get("listener_connected")
    fresh = int(answer.get("incarnation", 0)) != incarnation_before and answer.get("dataplane_state") == "forwarding"
    return answer if attached and fresh else None


def isolate(host):
    reply = lab.hgctl("endpoint", "isolate", host, "--reason", "the scenario's isolated machine")
    if not reply.get("applied"):
        raise lab.Failure(f"isolation of {host} not applied: {reply}")


def control_plane_killed(outcome, scenario):
    green = traffic.Numbered("adserver")
    isolated = traffic.Numbered("desktop")
    green.wait_until_arriving()
    isolated.wait_until_arriving()
    isolate(lab.HOST_NAMES["desktop"])
    quiet_from = time.monotonic_ns() + 50_000_000
    connections = {host: streams(host) for host in ("desktop", "adserver")}
    before = int(lab.hgctl("status")["incarnation"])

    start = time.monotonic_ns()
    lab.lab("stop", "heartgated", "KILL")
    traffic.observe(2)
    lab.lab("start", "heartgated")
    answer = lab.wait_for("a restarted heartgated in charge", 20, lambda: synced(before))
    lab.wait_for_endpoint("adserver", 10, colour="GREEN", presence="CONNECTED")
    lab.wait_for_endpoint("desktop", 10, isolated=True)
    traffic.observe(2)  # longer than three intervals: nobody becomes MISSING by the restart
    end = time.monotonic_ns()
    outcome.note(f"heartgated killed and started again: incarnation {before} -> {answer['incarnation']}")

    seen = green.arrivals()
    lost = traffic.missing_numbers(seen, start, end)
    count = sum(start < packet.at < end for packet in seen)
    outcome.check(lost == 0 and count > 2000, f"{lost} of {count} numbered packets lost")
    late = sum(packet.at > quiet_from for packet in isolated.arrivals())
    outcome.check(late == 0, f"{late} packets of the isolated machine")
    for host, ports in connections.items():
        outcome.check(len(ports) == 1 and streams(host) == ports, f"{lab.HOST_NAMES[host]} kept its connection")
    green.stop()
    scenario.isolated = isolated
    scenario.quiet_from = quiet_from


def dataplane_killed(outcome, scenario):
    probe = traffic.Connections("adserver")
    lab.wait_for("new connections before", 5, probe.times)
    lab.lab("stop", "dataplane", "KILL")
    killed = time.monotonic_ns()
    traffic.observe(1.5)
    late = [at for at in probe.times() if at > killed + 50_000_000]
    outcome.check(not late, f"{len(late)} new connections without a dataplane")
    lab.lab("start", "dataplane")
    started = lab.started_at("dataplane")
    first = lab.wait_for("new connections by themselves", 20,
                         lambda: [at for at in probe.times() if at > started])[0]
    seconds = (first - started) / 1e9
    outcome.check(seconds <= 1.0, f"new connections pass {seconds:.2f} s after its start")
    numbered = traffic.Numbered("adserver")
    numbered.wait_until_arriving()
    traffic.observe(2)
    numbered.stop()
    probe.stop()
    sent = scenario.isolated.stop()
    seen = scenario.isolated.arrivals()
    late = sum(packet.at > scenario.quiet_from for packet in seen)
    outcome.check(late == 0 and sent > seen[-1].number + 4000,
                  f"{late} of the isolated machine's {sent - seen[-1].number - 1} packets since its isolation passed")
    lab.wait_for_endpoint("desktop", 10, isolated=True, presence="CONNECTED")
    lab.hgctl("endpoint", "release", lab.HOST_NAMES["desktop"])
    lab.wait_for("ping after the release", 10, lambda: traffic.ping_once("desktop"))
    outcome.note("released, it pings again")
