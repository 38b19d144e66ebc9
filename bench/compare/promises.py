# SPDX-License-Identifier: Apache-2.0
"""What is promised, and the table of what was measured against it."""
import dataclasses

TSC = "driver alone, same run"


@dataclasses.dataclass
class Row:
    """`promise` is what the value must be at most, or at least (with `at_least`); None: shown for information."""
    name: str
    value: float
    unit: str
    against: str = ""
    promise: float | None = None
    at_least: bool = False

    @property
    def held(self):
        if self.promise is None:
            return None
        return self.value >= self.promise if self.at_least else self.value <= self.promise

    def as_json(self):
        sign = "at least" if self.at_least else "at most"
        return {"name": self.name, "value": round(self.value, 3), "unit": self.unit, "against": self.against,
                "promise": None if self.promise is None else f"{sign} {self.promise:g}", "held": self.held}


def pipeline_rows(best, cycles_per_second):
    """`best`: name -> (value, unit), as bench/pipeline prints them."""
    def value(name):
        return best[name][0]

    rows = []
    for flows, most in ((1000, 85), (16000, 85), (64000, None), (1000000, 190)):
        rows.append(Row(f"hit path with NAT, {flows:,} flows, UDP and TCP", value(f"hit path, {flows} flows"),
                        "cycles/packet", TSC, most))
    rows.append(Row("health check, every host an endpoint, 16,000 flows",
                    value("hit path, heartbeat required") - value("hit path, no condition"), "cycles/packet",
                    "a rule without conditions", 5))
    rows.append(Row("1,000,000 endpoints in the table instead of a few, 16,000 flows",
                    value("hit path, heartbeat required, 1000000 endpoints") - value("hit path, heartbeat required"),
                    "cycles/packet", "1,024 endpoints besides the hosts", 5))
    rows.append(Row("IPv6 hit path, 16,000 flows", value("hit path, IPv6") / value("hit path, IPv4"), "times",
                    "IPv4 with NAT", 1.3))
    rows.append(Row("new flows with NAT, 1,000,000 flows of 62,500 inside hosts, one remote, 48 WAN addresses",
                    cycles_per_second / value("new flow, 1000000 flows") / 1e6, "million/s", "", 1, True))
    rows.append(Row("new flow at the table's limit", value("new flow at the limit, 1000000 flows"), "times",
                    "the empty table", 3))
    rows.append(Row("memory of a flow, both directions and NAT", value("memory, 1000000 flows"), "bytes",
                    "counted in the DPDK heap", 384))
    return rows


def latency_rows(best):
    """`best`: name -> (value, unit), as bench/latency prints them."""
    return [Row(f"change of health in the ring -> applied, a worker that is never idle, {quantile}",
                best[f"ring to applied, {quantile}"][0], "us", "promised: from the listener on", most)
            for quantile, most in (("p50", 100), ("p99", 1000), ("maximum", None))]


def memif_rows(results, flows):
    """`results`: as memif.measure() gives them; the first is testpmd io."""
    base = results[0]["received_pps"]
    rows = [Row(f"{result['program']} over net_memif, 64 B", result["received_pps"] / 1e6, "Mpps")
            for result in results]
    rows.append(Row(f"over net_memif with NAT, {flows:,} flows", results[-1]["received_pps"] / base, "times",
                    "testpmd io", 0.75, True))
    return rows


def print_rows(rows):
    words = {None: "", True: "held", False: "NOT HELD"}
    for row in rows:
        promise = "" if row.promise is None else f"{'>=' if row.at_least else '<='} {row.promise:g}"
        print(f"  {row.name:<90} {row.value:>8.2f} {row.unit:<14} {promise:>8}  {words[row.held]:<8}  {row.against}")
