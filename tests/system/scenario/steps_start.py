# SPDX-License-Identifier: Apache-2.0
"""Steps 1 to 3: addresses by DHCP, enrolment and heartbeats, the way to the internet."""
from . import lab, policies, traffic


def addresses(outcome, _):
    for host in ("desktop", "adserver"):
        lab.lab("dhcp", host)
        address = lab.address_of(host)
        outcome.check(address.startswith("10.20.0."), f"{lab.HOST_NAMES[host]} got {address or 'nothing'}")
        outcome.check(traffic.ping_once(host, lab.ADDRESSES["GATEWAY_LAN"], 3), "the gateway answers its ping")
    lab.lab("dhcp", "device")


def enrolment(outcome, _):
    lab.apply_policy(policies.INTERNET)
    for host in ("desktop", "adserver"):
        token = lab.hgctl("token", "create")["token"]
        lab.must(host, "heartgate-agent", "enrol", "--config", lab.RUN / host / "etc/agent.yaml", "--token", token)
        lab.lab("start", f"{host}-agent")
        reused, _ = lab.run("device", "heartgate-agent", "enrol", "--config", lab.RUN / "device/etc/agent.yaml",
                            "--token", token)
        outcome.check(reused != 0, "its token does not work a second time")
    for host in ("desktop", "adserver"):
        entry = lab.wait_for_endpoint(host, 10, colour="GREEN", presence="CONNECTED")
        address, mac = lab.address_of(host), lab.ADDRESSES[f"{host.upper()}_MAC"]
        outcome.check(address in entry["addresses"] and mac in entry["macs"],
                      f"{entry['host']} GREEN, user {entry.get('user')}, {', '.join(entry['addresses'])}, "
                      f"{', '.join(entry['macs'])}")
        outcome.check(entry.get("user") and int(entry.get("since_unix_ms", 0)) > 0
                      and int(entry.get("last_heartbeat_unix_ms", 0)) > 0, "with user, since when and last heartbeat")
    table = lab.must("gateway", "hgctl", "endpoint", "list")
    outcome.check(all(name in table for name in lab.HOST_NAMES.values()), "hgctl's table has both")
    counts = lab.hgctl("status")
    outcome.check((counts.get("connected", 0), counts.get("warning", 0), counts.get("at_risk", 0),
                   counts.get("missing", 0)) == (2, 0, 0, 0), "2 connected, 0 warning, 0 at risk, 0 missing")


def internet(outcome, scenario):
    outcome.check(lab.wait_for("a ping of the server", 10, lambda: traffic.ping_once("desktop")),
                  "DESKTOP-SJAJN20 pings the server")
    seen = traffic.http("desktop")
    outcome.check(seen == lab.ADDRESSES["GATEWAY_WAN"], f"the server sees {seen}, the WAN address")
    scenario.ping = traffic.Ping("desktop")
    scenario.download = traffic.Download("desktop")
    scenario.numbered = traffic.Numbered("desktop")
    scenario.download.wait_until_running()
    scenario.numbered.wait_until_arriving()
    outcome.check(scenario.numbered.arrivals()[-1].source == lab.ADDRESSES["GATEWAY_WAN"],
                  "and of UDP packets, too")
    outcome.check(lab.wait_for("answers to the running ping", 5, scenario.ping.answers), "download and ping are running")
