# SPDX-License-Identifier: Apache-2.0
"""What each step expected, what was observed, and how long it took: for people on stdout, for programs as JSON."""
import json
import time
from dataclasses import dataclass, field

from . import lab


@dataclass
class Outcome:
    """What a step observed. A check that fails makes the step fail but lets it go on and observe the rest."""
    observed: list = field(default_factory=list)
    held: bool = True

    def note(self, text):
        self.observed.append(text)

    def check(self, condition, text):
        """`text` says what was seen; it is marked if it is not as expected."""
        self.observed.append(text if condition else f"NOT AS EXPECTED: {text}")
        self.held = self.held and bool(condition)


class Report:
    def __init__(self):
        self.steps = []

    def run(self, number, name, expected, step):
        print(f"{number}. {name}\n   expected: {expected}", flush=True)
        outcome = Outcome()
        started = time.monotonic()
        try:
            step(outcome)
        except lab.Failure as failure:
            outcome.check(False, str(failure))
        seconds = round(time.monotonic() - started, 1)
        observed = "; ".join(outcome.observed)
        print(f"   observed: {observed}\n   {'held' if outcome.held else 'DID NOT HOLD'}, {seconds} s", flush=True)
        self.steps.append({"name": f"{number}. {name}", "expected": expected, "observed": observed,
                           "held": outcome.held, "seconds": seconds})
        return outcome.held

    @property
    def held(self):
        return bool(self.steps) and all(step["held"] for step in self.steps)

    def write(self, path):
        path.write_text(json.dumps({"held": self.held, "steps": self.steps}, indent=2, ensure_ascii=False) + "\n")
