# SPDX-License-Identifier: Apache-2.0
"""The way of one change from its detection to the last packet, as heartgated logs it."""
import re
from dataclasses import dataclass

from . import lab

LINE = re.compile(r"change in force, detected_ns=(\d+) received_ns=(\d+) applied_ns=(\d+)")


@dataclass
class Change:
    """CLOCK_MONOTONIC, nanoseconds."""
    detected: int  # by the agent
    received: int  # last byte of the heartbeat read by the listener
    applied: int   # every worker acts on it


def isolation_times(host, since):
    """The first change of a host that was detected after `since` and is in force."""

    def find():
        for line in lab.log_text("heartgated").splitlines():
            match = LINE.search(line)
            if match and lab.HOST_NAMES[host] in line and int(match[1]) >= since:
                return Change(*map(int, match.groups()))
        return None

    return lab.wait_for(f"heartgated's account of the change on {host}", 5, find)
