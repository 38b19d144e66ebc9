# SPDX-License-Identifier: Apache-2.0
"""Step 11: ways out of isolation. Each is shown to reach the server while the machine is healthy, or, where no healthy
machine may do it either, the same packet without the disguise is."""
import itertools
import json

from . import lab, traffic
from .steps_restart import isolate

COUNT = 20
DESKTOP_MAC = lab.ADDRESSES["DESKTOP_MAC"]
OTHER_MAC = "02:48:47:00:0f:0f"
_rounds = itertools.count(1)


def send(host, series):
    """Hand-made frames from a host, in order."""
    path = lab.RUN / host / "frames.json"
    path.write_text(json.dumps([{"gateway_mac": lab.ADDRESSES["GATEWAY_LAN_MAC"], **one} for one in series]))
    lab.must(host, lab.TOOLS / "frames.py", path)


def arriving(frames):
    """Sends each of these frames COUNT times from the desktop; how many distinct packets of each arrive."""
    number = next(_rounds)
    tags = [f"escape-{number}-{index}" for index in range(len(frames))]
    send("desktop", [{"tag": tag, "port": 41000 + index, "count": COUNT, **frame}
                     for index, (tag, frame) in enumerate(zip(tags, frames))])
    # What was sent before this packet of adserver's has arrived, or was dropped, when it has: the LAN keeps the order.
    marker = f"marker-{number}"
    send("adserver", [{"tag": marker, "port": 40999, "count": 1, "mac": lab.ADDRESSES["ADSERVER_MAC"],
                       "source": lab.address_of("adserver"), "server": traffic.SERVER}])
    lab.wait_for("adserver's packet after the escapes", 5, lambda: traffic.arrivals(marker))
    return [len({packet.number for packet in traffic.arrivals(tag)}) for tag in tags]


def escapes(outcome, _):
    own = lab.address_of("desktop")
    plain = {"mac": DESKTOP_MAC, "source": own, "server": traffic.SERVER}
    ipv6 = {**plain, "source": lab.ADDRESSES["DESKTOP6"], "server": traffic.SERVER6}
    # name, the frame, its control where the frame itself may never pass
    attempts = [
        ("no disguise", plain, plain),
        ("another source IP", {**plain, "source": "10.20.0.240"}, None),
        ("another machine's IP", {**plain, "source": lab.address_of("adserver")}, plain),
        ("another MAC", {**plain, "mac": OTHER_MAC}, plain),
        ("another MAC and IP", {**plain, "mac": OTHER_MAC, "source": "10.20.0.241"}, {**plain, "source": "10.20.0.241"}),
        ("IPv6", ipv6, None),
        ("another IPv6 address", {**ipv6, "source": "fd00:20::beef"}, None),
        ("a VLAN tag", {**plain, "vlan": 5}, plain),
        ("a priority tag", {**plain, "vlan": 0}, plain),
        ("fragments", {**plain, "fragment": True}, None),
    ]
    # The gateway knows its neighbours: a burst to an unknown one would fill the queue of those that wait.
    for server in (traffic.SERVER, traffic.SERVER6):
        lab.wait_for(f"a ping of {server}", 10, lambda server=server: traffic.ping_once("desktop", server))
    passed = arriving([control or frame for _, frame, control in attempts])
    for (name, _, control), count in zip(attempts, passed):
        if control is None or name == "no disguise":
            outcome.check(count == COUNT, f"{name} while GREEN: {count} of {COUNT} arrive")
        else:
            outcome.check(count == COUNT, f"without '{name}' while GREEN: {count} of {COUNT} arrive")
    isolate(lab.HOST_NAMES["desktop"])
    passed = arriving([frame for _, frame, _ in attempts])
    for (name, _, _), count in zip(attempts, passed):
        outcome.check(count == 0, f"{name} while isolated: {count}")
    forged_heartbeats(outcome)
    lab.hgctl("endpoint", "release", lab.HOST_NAMES["desktop"])
    lab.wait_for("ping after the release", 10, lambda: traffic.ping_once("desktop"))


def forged_heartbeats(outcome):
    """While the agent reports YELLOW, somebody else reports GREEN in its name."""
    before = heartbeat_counts()
    identifier = lab.endpoint("desktop")["id"]
    lab.must("desktop", "curl", "-s", "-o", "Downloads/again.com", f"http://{traffic.SERVER}:8000/eicar.com")
    lab.wait_for_endpoint("desktop", 5, colour="YELLOW")
    foreign = make_foreign_identity(identifier)
    for name, identity in (("no certificate", ()), ("a foreign certificate", foreign)):
        answer = lab.must("device", lab.TOOLS / "forge_heartbeat.py", lab.ADDRESSES["HEARTBEAT"], *identity)
        outcome.check("grpc-status: 0" not in answer, f"heartbeat with {name}: {summary(answer)}")
    traffic.observe(0.5)
    entry = lab.endpoint("desktop")
    outcome.check(entry.get("colour") == "YELLOW" and entry.get("user") != "forger", "still YELLOW")
    after = heartbeat_counts()
    outcome.check(after[1] >= before[1] + 2 and after[0] > before[0],
                  f"{after[1] - before[1]} refused and counted, {after[0] - before[0]} genuine ones accepted meanwhile")
    lab.wait_for_endpoint("desktop", 60, colour="GREEN")


def heartbeat_counts():
    """(accepted, refused)"""
    heartbeats = lab.hgctl("stats").get("heartbeats", {})
    return (int(heartbeats.get("accepted", 0)), sum(int(cause["value"]) for cause in heartbeats.get("refused", [])))


def summary(answer):
    lines = [line for line in answer.splitlines() if line.startswith(("grpc-", "curl:"))]
    return " ".join(lines)[:120] or "refused without an answer"


def make_foreign_identity(identifier):
    """A certificate for this endpoint, by another CA."""
    folder = lab.RUN / "device/home/user"
    lab.must("device", "sh", "-ec", f"""
        openssl ecparam -name prime256v1 -genkey -noout -out ca.key
        openssl req -x509 -new -key ca.key -days 2 -subj '/CN=Heartgate CA' -out ca.pem
        openssl ecparam -name prime256v1 -genkey -noout -out forged.key
        openssl req -new -key forged.key -subj '/CN={identifier}' -out forged.csr
        printf 'subjectAltName=URI:spiffe://heartgate/endpoint/{identifier}\\nextendedKeyUsage=clientAuth\\n' >forged.ext
        openssl x509 -req -in forged.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -extfile forged.ext -out forged.pem
    """)
    return (str(folder / "forged.pem"), str(folder / "forged.key"))
