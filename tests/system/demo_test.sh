#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The steps of the demonstration, one check each.
set -euo pipefail
cd "$(dirname "$0")/../.."
export HEARTGATE_LAB=hgdemo
report=$(mktemp)
trap 'rm -f "$report"; scripts/lab down' EXIT
status=0
scripts/demo --json "$report" || status=$?
jq -r '.steps[] | (if .held then "ok" else "not ok" end) + " demo: " + .name' "$report"
exit $status
