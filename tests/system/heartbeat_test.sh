#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Heartbeats that must not count, on the wire of the real listener: refused, counted, and never GREEN.
set -euo pipefail
cd "$(dirname "$0")/../.."
export HEARTGATE_LAB=hgbeat
source tests/system/lib.sh
source tests/system/addresses.sh

readonly RUN=/run/heartgate-lab/$HEARTGATE_LAB
readonly LIB=$RUN/adserver/lib

refusals() { on gateway hgctl stats --output json | jq --arg cause "$1" '[.heartbeats.refused[] | select(.name == $cause) | .value | tonumber] | add // 0'; }
forge() { on adserver "$PWD/tests/system/tools/forge_heartbeat.py" "$HEARTBEAT" "$@"; }
one_more() { (($(refusals "$1") > $2)); }
refused() { # refused CAUSE FORGE-ARGUMENT...
    local cause=$1 before
    shift
    before=$(refusals "$cause")
    forge "$@"
    wait_until 5 one_more "$cause" "$before" || { on gateway hgctl stats && return 1; }
}
connected() { on gateway hgctl endpoint list --output json | jq -e '.endpoints[0] | .presence == "CONNECTED" and .colour == "GREEN"'; }
tls() { on adserver sh -c "openssl s_client -connect $HEARTBEAT:8347 -alpn h2 -cert $LIB/identity.pem -key $LIB/identity.key $1 </dev/null"; }

trap finish_test EXIT
scripts/lab up
scripts/lab dhcp adserver
on adserver heartgate-agent --config "$RUN/adserver/etc/agent.yaml" enrol --token "$(on gateway hgctl token create 2>/dev/null)" >/dev/null

# The agent is not running: whatever is accepted here would be seen.
identity=("$LIB/identity.pem" "$LIB/identity.key")
check "without a certificate" refused "no certificate"
check "an unknown colour" refused "unknown colour" "${identity[@]}" --colour 7
check "no colour" refused "unknown colour" "${identity[@]}" --colour 0
check "bytes that are no heartbeat" refused "malformed message" "${identity[@]}" --bytes 100
check "an oversized heartbeat" bash -c "! scripts/lab exec adserver '$PWD/tests/system/tools/forge_heartbeat.py' $HEARTBEAT ${identity[*]} --bytes 200000 | grep -q 'grpc-status: 0'"
check "none of them made it GREEN" bash -c "scripts/lab exec gateway hgctl endpoint list --output json | jq -e '.endpoints[0].presence == \"PRESENCE_NONE\"'"
check "TLS 1.3 is spoken" bash -c "$(declare -f on tls); $(declare -p HEARTBEAT LIB); tls -tls1_3 | grep -q 'Cipher is TLS_'"
check "TLS 1.2 is not" bash -c "$(declare -f on tls); $(declare -p HEARTBEAT LIB); ! tls -tls1_2 2>&1 | grep 'Cipher is ECDHE'"
scripts/lab start adserver-agent
check "the real agent is GREEN" wait_until 10 connected
check "an older boot on a second stream" refused "older boot or sequence" "${identity[@]}" --boot 1 --sequence 1
check "the real agent stays GREEN" wait_until 10 connected
exit $failed
