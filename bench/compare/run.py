#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the tables of scripts/bench. Programs are measured in interleaved rounds and compared by their best one, since
these machines switch between two speeds for all programs alike; only the ratios mean something elsewhere."""
import argparse
import json
import pathlib
import subprocess
import sys

import memif

ROOT = pathlib.Path(__file__).resolve().parents[2]
PIPELINE = ROOT / "build/bench/pipeline/pipeline"


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Cycles per packet and rates over net_memif.")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each program (default 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one round over net_memif (default 2)")
    parser.add_argument("--flows", type=int, default=10_000, help="flows over net_memif (default 10,000)")
    parser.add_argument("--json", type=pathlib.Path, help="write the results to this file, too")
    parser.add_argument("--only", choices=("pipeline", "memif"), help="measure only this")
    return parser.parse_args()


def measure_pipeline(rounds):
    """One JSON object per number of flows, the best of the rounds; the program prints one line per measurement."""
    best = {}
    for _ in range(rounds):
        output = subprocess.run([PIPELINE], check=True, stdout=subprocess.PIPE, text=True).stdout
        for line in output.splitlines():
            if not line.startswith("{"):
                continue
            result = json.loads(line)
            key = (result["name"], result["flows"])
            if key not in best or result["cycles_per_packet"] < best[key]["cycles_per_packet"]:
                best[key] = result
    return [best[key] for key in sorted(best)]


def print_pipeline(results):
    print("worker pipeline in-process, one core, IPv4 UDP 64 B with source NAT, on top of the port driver")
    print(f"  {'flows':>9}  {'':<9} {'cycles/packet':>13}  {'(driver alone)':>14}")
    for result in results:
        print(f"  {result['flows']:>9,}  {result['name']:<9} {result['cycles_per_packet']:>13.1f}  "
              f"{result['base_line']:>14.1f}")


def print_memif(results, arguments):
    base = results[0]["received_pps"]
    print(f"over two net_memif ports, 64 B, {arguments.flows:,} flows, one core, best of {arguments.rounds}")
    print(f"  {'program':<24} {'Mpps':>6}  {'ratio':>5}   rounds")
    for result in results:
        rounds = " ".join(f"{rate / 1e6:.2f}" for rate in result["rounds"])
        ratio = result["received_pps"] / base
        print(f"  {result['program']:<24} {result['received_pps'] / 1e6:>6.2f}  {ratio:>5.2f}   {rounds}")


def main():
    arguments = parse_arguments()
    report = {}
    if arguments.only != "memif":
        report["pipeline"] = measure_pipeline(arguments.rounds)
        print_pipeline(report["pipeline"])
    if arguments.only != "pipeline":
        report["memif"] = memif.measure(arguments.rounds, arguments.seconds, arguments.flows)
        print_memif(report["memif"], arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    try:
        main()
    except (subprocess.CalledProcessError, memif.Failure, OSError) as failure:
        sys.exit(f"bench: {failure}")
