#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the tables of scripts/bench. Programs are measured in interleaved rounds and compared by their best one, since
these machines switch between two speeds for all programs alike; only the ratios mean something elsewhere."""
import argparse
import json
import pathlib
import subprocess
import sys

import instructions
import memif
import promises

ROOT = pathlib.Path(__file__).resolve().parents[2]
PIPELINE = ROOT / "build/bench/pipeline/pipeline"
LATENCY = ROOT / "build/bench/latency/latency"


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Cycles per packet and rates over net_memif.")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each program (default 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one round over net_memif (default 2)")
    parser.add_argument("--flows", type=int, default=10_000, help="flows over net_memif (default 10,000)")
    parser.add_argument("--json", type=pathlib.Path, help="write the results to this file, too")
    parser.add_argument("--only", choices=("pipeline", "latency", "memif"), help="measure only this")
    parser.add_argument("--instructions", action="store_true",
                        help="only count the hit path's instructions per packet; fails if they are more than expected")
    parser.add_argument("--detail", action="store_true", help="with --instructions: also by function")
    parser.add_argument("--accept", action="store_true", help="with --instructions: expect what is counted now")
    return parser.parse_args()


def measure(program, rounds):
    """name -> (value, unit), the best of the rounds; the program prints one line per measurement."""
    best = {}
    for _ in range(rounds):
        output = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout
        for line in output.splitlines():
            if not line.startswith("{"):
                continue
            result = json.loads(line)
            name, value = result["name"], result["value"]
            if name not in best or value < best[name][0]:
                best[name] = (value, result["unit"])
    return best


def main():
    arguments = parse_arguments()
    if arguments.instructions:
        return 0 if instructions.check(arguments.accept, arguments.detail) else 1
    rows = []
    if arguments.only in (None, "pipeline"):
        best = measure(PIPELINE, arguments.rounds)
        rows += promises.pipeline_rows(best, best["clock"][0] * 1e6)
    if arguments.only in (None, "latency"):
        rows += promises.latency_rows(measure(LATENCY, arguments.rounds))
    if arguments.only in (None, "memif"):
        results = memif.measure(arguments.rounds, arguments.seconds, arguments.flows)
        rows += promises.memif_rows(results, arguments.flows)
    print(f"bursts of 32 packets, one core, best of {arguments.rounds} interleaved rounds")
    promises.print_rows(rows)
    if arguments.json:
        arguments.json.write_text(json.dumps([row.as_json() for row in rows], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (subprocess.CalledProcessError, memif.Failure, OSError) as failure:
        sys.exit(f"bench: {failure}")
