# SPDX-License-Identifier: Apache-2.0
"""Steps 4 to 8: what the health of a machine does to its traffic."""
import time

from . import lab, policies, traffic

QUIET = 1.5  # seconds of traffic in which nothing may pass
SLACK = 50_000_000  # ns after "applied" for what was in a queue of the kernel and for clocks read at different places
RUNNING = 500_000_000  # ns before "applied" within which whatever was running has been seen


def milliseconds(nanoseconds):
    return f"{nanoseconds / 1e6:.2f} ms"


def relative(at, moment, name="applied"):
    """Every worker acts on a change before its report of that, "applied", is read."""
    return f"{milliseconds(abs(at - moment))} {'before' if at < moment else 'after'} {name}"


def eicar(outcome, scenario):
    neighbour = traffic.Download("adserver")
    neighbour_numbers = traffic.Numbered("adserver")
    neighbour.wait_until_running()
    neighbour_numbers.wait_until_arriving()
    scenario.numbered.wait_until_arriving()
    scenario.download.wait_until_running()
    begin = time.monotonic_ns()
    traffic.observe(1)

    started = time.monotonic_ns()
    lab.must("desktop", "curl", "-s", "-o", "Downloads/eicar.com", f"http://{traffic.SERVER}/eicar.com")
    entry = lab.wait_for_endpoint("desktop", 5, colour="YELLOW")
    outcome.note(f"YELLOW because of {entry['reasons'][0].get('finding', '?')} in {entry['reasons'][0].get('path')}")
    change = scenario.isolation_times("desktop", started)
    traffic.observe(QUIET)
    end = time.monotonic_ns()

    last = max(packet.at for packet in scenario.numbered.arrivals())
    pinged = max(scenario.ping.answers())
    downloaded = max(at for at, _ in scenario.download.progress())
    sent = scenario.numbered.stop()
    scenario.ping.stop()
    scenario.download.stop()
    outcome.check(sent > scenario.numbered.arrivals()[-1].number + QUIET * 500, "its sender went on, unheard")
    for what, at in (("packet", last), ("ping", pinged), ("piece of the running download", downloaded)):
        # It passed until then (a ping leaves every 100 ms), and not after.
        outcome.check(change.applied - RUNNING < at < change.applied + SLACK,
                      f"last {what} {relative(at, change.applied)}")
    outcome.note(f"the last packet passed {relative(last, change.detected, 'detection')}: detection -> "
                 f"heartbeat received {milliseconds(change.received - change.detected)} -> applied "
                 f"{milliseconds(change.applied - change.received)} -> last packet {relative(last, change.applied)}")

    gap = traffic.longest_gap([at for at, _ in neighbour.progress()], begin, end)
    outcome.check(gap < 1.0, f"adserver's download went on, longest pause {gap:.2f} s")
    lost = traffic.missing_numbers(neighbour_numbers.arrivals(), begin, end)
    outcome.check(lost == 0, f"{lost} of its numbered packets lost")
    neighbour.stop()
    neighbour_numbers.stop()
    scenario.detected = change.detected


def clean_up(outcome, scenario):
    # The goodbye of a YELLOW machine.
    lab.lab("stop", "desktop-agent")
    entry = lab.wait_for_endpoint("desktop", 5, colour="YELLOW")
    outcome.note(f"its agent stopped (SIGTERM) while YELLOW: {entry.get('presence')}, still YELLOW")
    sent, arrived = traffic.passes("desktop", QUIET)
    outcome.check(sent > 500 and arrived == 0 and not traffic.ping_once("desktop"),
                  f"{arrived} of its {sent} packets pass, no ping")
    lab.lab("start", "desktop-agent")
    restarted = time.monotonic()
    lab.wait_for_endpoint("desktop", 60, colour="GREEN", presence="CONNECTED")
    lab.wait_for("ping after GREEN", 5, lambda: traffic.ping_once("desktop"))
    outcome.note(f"GREEN and pinging again {time.monotonic() - restarted:.1f} s after its agent's start, "
                 f"{(time.monotonic_ns() - scenario.detected) / 1e9:.1f} s after detection")
    status, _ = lab.run("desktop", "test", "-e", "Downloads/eicar.com")
    outcome.check(status != 0, "the file is gone")
    outcome.check(traffic.http("desktop") is not None, "new connections pass")


def device_without_agent(outcome, _):
    outcome.check(lab.address_of("device") != "", f"the device has the address {lab.address_of('device')}")
    # Positive control: the same packets pass under a rule without heartbeat.
    lab.apply_policy(policies.OPEN)
    sent, arrived = traffic.passes("device", 0.5)
    outcome.check(arrived > sent * 0.9 and traffic.ping_once("device"),
                  f"under a rule without heartbeat {arrived} of {sent} packets pass")
    running = traffic.Numbered("device")
    running.wait_until_arriving()
    lab.apply_policy(policies.INTERNET)
    applied = time.monotonic_ns()
    traffic.observe(QUIET)
    running.stop()
    late = sum(packet.at > applied + SLACK for packet in running.arrivals())
    outcome.check(late == 0, f"under the internet rule {late} packets of the same flow")
    sent, arrived = traffic.passes("device", QUIET)
    sent6, arrived6 = traffic.passes("device", QUIET / 2, traffic.SERVER6)
    outcome.check(sent > 500 and sent6 > 200 and arrived == arrived6 == 0,
                  f"{arrived} of {sent} new IPv4, {arrived6} of {sent6} new IPv6")
    outcome.check(not traffic.ping_once("device") and traffic.http("device") is None, "no ping, no connection")


def killed_agent(outcome, _):
    lab.apply_policy(policies.INTERNET)
    numbered = traffic.Numbered("adserver")
    numbered.wait_until_arriving()
    interval = lab.endpoint("adserver")["interval_ms"] / 1000
    lab.lab("stop", "adserver-agent", "KILL")
    killed = time.monotonic_ns()
    lab.wait_for_endpoint("adserver", 10 + 6 * interval, presence="MISSING")
    noticed = (time.monotonic_ns() - killed) / 1e9
    outcome.check(noticed > 2 * interval, f"MISSING {noticed:.1f} s after SIGKILL, interval {interval} s")
    quiet_from = time.monotonic_ns() + SLACK
    traffic.observe(QUIET)
    late = sum(packet.at > quiet_from for packet in numbered.arrivals())
    outcome.check(late == 0 and not traffic.ping_once("adserver"), f"cut off, {late} packets after that, no ping")
    lab.lab("start", "adserver-agent")
    restarted = time.monotonic()
    lab.wait_for_endpoint("adserver", 20, presence="CONNECTED", colour="GREEN")
    numbered.wait_until_arriving()
    outcome.note(f"back {time.monotonic() - restarted:.1f} s after its agent's start, the same flow passes")
    numbered.stop()


def cannot_be_removed(outcome, _):
    path = lab.RUN / "desktop/home/user/Downloads/stuck.com"
    outcome.check(traffic.ping_once("desktop") and traffic.http("desktop") is not None, "ping and HTTP pass before")
    lab.must("desktop", lab.TOOLS / "immutable_eicar.py", path)
    lab.wait_for_endpoint("desktop", 30, colour="RED", isolated=True)
    outcome.note("a file that cannot be removed: RED, isolated")
    counts = lab.hgctl("status")
    outcome.check(counts.get("at_risk", 0) == 1, f"{counts.get('at_risk', 0)} at risk")
    for name, policy in (("the internet rule", policies.INTERNET), ("a rule that lets anything pass", policies.OPEN)):
        lab.apply_policy(policy)
        sent, arrived = traffic.passes("desktop", QUIET)
        sent6, arrived6 = traffic.passes("desktop", QUIET / 2, traffic.SERVER6)
        outcome.check(sent > 500 and sent6 > 200 and arrived == arrived6 == 0 and not traffic.ping_once("desktop")
                      and traffic.http("desktop") is None,
                      f"under {name} {arrived} of {sent} packets, {arrived6} of {sent6} by IPv6, no ping, no HTTP")
    outcome.check(traffic.ping_once("adserver"), "adserver pings meanwhile")
    outcome.check(traffic.http("desktop", port=8000) == lab.ADDRESSES["GATEWAY_WAN"],
                  "the mirror on the allowed list answers")
    lab.apply_policy(policies.INTERNET)
    lab.must("desktop", "chattr", "-i", path)
    lab.must("desktop", "rm", "-f", path)  # the agent, which tries every few seconds, may be first
    lab.must("desktop", "heartgate-agent", "rescan", "--config", lab.RUN / "desktop/etc/agent.yaml")
    removed = time.monotonic()
    lab.wait_for_endpoint("desktop", 60, colour="GREEN", presence="CONNECTED")
    lab.wait_for("ping after GREEN", 5, lambda: traffic.ping_once("desktop"))
    outcome.note(f"removed by hand and scanned again: GREEN, ping passes after {time.monotonic() - removed:.1f} s")
