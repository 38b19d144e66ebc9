# SPDX-License-Identifier: Apache-2.0
"""Step 12: the LAN itself, past the gateway: healthy machines keep away from the sick one."""
import time

from . import lab, traffic
from .steps_restart import isolate


OTHER = "10.20.0.77"


def answers(host, destination, *source):
    """Whether a ping of another machine on the LAN is answered."""
    origin = ("-I", *source) if source else ()
    return lab.run(host, "ping", "-n", "-c", "1", "-W", 1, *origin, destination)[0] == 0


def lateral(outcome, _):
    adserver, desktop = lab.address_of("adserver"), lab.address_of("desktop")
    adserver6 = lab.ADDRESSES["ADSERVER6"]
    for address in (adserver, adserver6):
        lab.wait_for(f"an answer of adserver ({address})", 10, lambda address=address: answers("desktop", address))
    lab.must("desktop", "ip", "address", "add", f"{OTHER}/24", "dev", "eth0")
    lab.wait_for("an answer to another address", 10, lambda: answers("desktop", adserver, OTHER))
    outcome.note("while healthy the desktop reaches adserver past the gateway: by IPv4, IPv6, from another address of its own")

    begin = time.monotonic()
    isolate(lab.HOST_NAMES["desktop"])
    lab.wait_for("adserver to keep away from the desktop", 10, lambda: not answers("desktop", adserver))
    outcome.note(f"adserver refuses it within {time.monotonic() - begin:.1f} s")
    for source, destination, what in (("desktop", adserver6, "no answer by IPv6"),
                                      ("adserver", desktop, "adserver does not reach it either")):
        outcome.check(not answers(source, destination), what)
    # Another address does not help: its frames are known by their MAC.
    outcome.check(not answers("desktop", adserver, OTHER), "no answer to another address of its own")
    lab.must("desktop", "ip", "address", "del", f"{OTHER}/24", "dev", "eth0")
    outcome.check(answers("device", adserver), "the device, which nobody calls sick, still gets answers")

    lab.hgctl("endpoint", "release", lab.HOST_NAMES["desktop"])
    lab.wait_for("an answer of adserver after the release", 10, lambda: answers("desktop", adserver))
    outcome.note("released, it is answered again")
