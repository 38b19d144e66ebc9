# SPDX-License-Identifier: Apache-2.0
"""Instructions per packet of the hit path, counted by callgrind, against those that are expected. They are the same on
every machine and at every load, for one compiler, so that a few per cent more are a change of the code."""
import collections
import json
import pathlib
import re
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build/bench/pipeline/instructions"
EXPECTED = ROOT / "bench/pipeline/instructions.json"
TOLERANCE = 0.015  # the hash's secret is another one each time, and with it the buckets that are full


def by_function(dump):
    """Instructions of each function of the program itself; the port driver and libc are left out."""
    counts = collections.Counter()
    functions = {}  # callgrind gives each name a number, and says it once
    own, function, called = False, "", False
    for line in dump.read_text(encoding="utf-8").splitlines():
        name = re.match(r"(c?fn|ob)=(?:\((\d+)\))? ?(.*)", line)
        if name:
            kind, number, text = name.groups()
            text = functions.setdefault((kind[-2:], number), text) if number else text
            if kind == "fn":
                function = text
            elif kind == "ob":
                own = text == str(PROGRAM)
        elif line.startswith("cob="):
            number, text = re.match(r"cob=\((\d+)\) ?(.*)", line).groups()
            functions.setdefault(("ob", number), text)
        elif line.startswith("calls="):
            called = True  # the next line is what the callee took
        elif re.match(r"[0-9+*-]\S* \d+$", line):
            if own and not called:
                counts[function] += int(line.split()[1])
            called = False
    return counts


def count():
    """Scenario -> instructions per packet of each function."""
    with tempfile.TemporaryDirectory(prefix="heartgate-bench-") as folder:
        out = pathlib.Path(folder) / "callgrind"
        run = subprocess.run(
            ["valgrind", "--quiet", "--tool=callgrind", "--collect-atstart=no",
             "--toggle-collect=heartgate::bench::Bench::work(rte_mbuf**)", f"--callgrind-out-file={out}", PROGRAM],
            check=True, stdout=subprocess.PIPE, text=True)
        scenarios = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
        result = {}
        for number, scenario in enumerate(scenarios, 1):
            dump = out.with_name(f"{out.name}.{number}")
            result[scenario["name"]] = {name: instructions / scenario["packets"]
                                        for name, instructions in by_function(dump).most_common()}
    return result


def check(accept, detail):
    """Prints each scenario beside what is expected. False: one takes more. `accept`: what is measured is expected from
    now on. `detail`: also where the instructions are."""
    measured = count()
    expected = json.loads(EXPECTED.read_text(encoding="utf-8"))
    held = True
    for name, functions in measured.items():
        total = sum(functions.values())
        limit = expected.get(name, 0) * (1 + TOLERANCE)
        word = "accepted" if accept else "held" if total <= limit else "NOT HELD"
        held = held and word != "NOT HELD"
        print(f"  {name:<40} {total:>8.1f} instructions/packet  <= {limit:>6.1f}  {word}")
        for function, instructions in functions.items():
            if detail and instructions >= 1:
                print(f"      {instructions:>8.1f}  {function}")
    if accept:
        rounded = {name: round(sum(functions.values()), 1) for name, functions in measured.items()}
        EXPECTED.write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")
        return True
    if not held:
        print(f"  The hit path takes more instructions than {EXPECTED.relative_to(ROOT)} says. Where: scripts/bench "
              "--instructions --detail. If that is meant, --accept stores the new figures.")
    return held
