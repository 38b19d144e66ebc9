#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The programs of the appliance in any order of start, and the death of the listener: a reconnect and nothing else.
set -euo pipefail
cd "$(dirname "$0")/../.."
export HEARTGATE_LAB=hgord
source tests/system/lib.sh
source tests/system/addresses.sh

readonly RUN=/run/heartgate-lab/$HEARTGATE_LAB

start() { local program; for program in "$@"; do scripts/lab start "$program"; done; }
stop() { local program; for program in "$@"; do scripts/lab stop "$program"; done; }
forwarding() { on gateway hgctl status --output json | jq -e '.dataplane_state == "forwarding" and .listener_connected'; }
says() { grep -q "$2" "$RUN/log/$1"; } # says PROGRAM PATTERN
connected() { on gateway hgctl endpoint list --output json | jq -e '.endpoints[0] | .presence == "CONNECTED" and .colour == "GREEN"'; }
pings() { on adserver ping -n -c 1 -W 1 "$SERVER"; }
presence_events() { on gateway hgctl event list --output json | jq '[.events[] | select(.kind == "PRESENCE_CHANGED")] | length'; }

trap finish_test EXIT
scripts/lab up --bare
start heartgated
check "heartgated waits for the dataplane and says so" wait_until 10 says heartgated 'waiting for heartgate-dataplane'
start listener dataplane
check "heartgated, listener, dataplane" wait_until 20 forwarding
stop dataplane heartgated listener

start dataplane listener
check "the listener waits for heartgated and says so" wait_until 10 says listener 'waiting for heartgated'
start heartgated
check "dataplane, listener, heartgated" wait_until 20 forwarding
stop heartgated
start heartgated
check "heartgated stopped and started alone" wait_until 20 forwarding
stop dataplane
start dataplane
check "dataplane stopped and started alone" wait_until 20 forwarding

start kea
scripts/lab dhcp adserver
on adserver heartgate-agent --config "$RUN/adserver/etc/agent.yaml" enrol --token "$(on gateway hgctl token create 2>/dev/null)" >/dev/null
start adserver-agent
check "an endpoint is connected" wait_until 10 connected
check "its ping passes" wait_until 10 pings
before=$(presence_events)
scripts/lab exec adserver ping -n -i 0.05 -w 10 "$SERVER" >"$RUN/adserver/ping.log" 2>&1 &
scripts/lab stop listener KILL
start listener
check "the endpoint is back after the listener was killed" wait_until 20 connected
wait
check "it was not missing meanwhile" test "$before" = "$(presence_events)"
check "no packet was lost meanwhile" grep -E ' 0% packet loss' "$RUN/adserver/ping.log"
exit $failed
