#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Malformed, truncated, over-long and fragmented packets on both ports: counted drops, and the dataplane goes on.
set -euo pipefail
cd "$(dirname "$0")/../.."
export HEARTGATE_LAB=hgmal
source tests/system/lib.sh
source tests/system/addresses.sh

counter() { on gateway hgctl stats --output json | jq -r --arg name "$1" '[.drops[] | select(.name == $name) | .value | tonumber] | add // 0'; }
received() { on gateway hgctl stats --output json | jq -r --arg port "$1" '.ports[] | select(.name == $port) | .rx_packets'; }
has_received() { (($(received "$1") >= $2)); } # has_received PORT PACKETS
# Every frame must arrive: what a switch or a full queue swallowed has tested nothing.
malformed() { # malformed HOST PORT ARGUMENT...
    local port=$2 before sent
    before=$(received "$port")
    sent=$(on "$1" "$PWD/tests/system/tools/malformed.py" "${@:3}")
    wait_until 20 has_received "$port" $((before + sent)) || {
        echo "of $sent frames $port received only $(($(received "$port") - before))"
        return 1
    }
}
forwards() { on device ping -n -c 1 -W 1 "$SERVER" && on device ping -n -c 1 -W 1 "$SERVER6"; }
dataplane_process() { scripts/lab status | sed -n 's/^dataplane .*running, process //p'; }
counted() { (($(counter "$1") > 0)) || { on gateway hgctl stats && return 1; }; }

trap finish_test EXIT
scripts/lab up
cat >"/run/heartgate-lab/$HEARTGATE_LAB/gateway/etc/open.yaml" <<'POLICY'
rules:
  - {name: anything, action: accept}
POLICY
on gateway hgctl policy apply "/run/heartgate-lab/$HEARTGATE_LAB/gateway/etc/open.yaml" >/dev/null 2>&1
scripts/lab dhcp device
address=$(on device ip -4 -json address show dev eth0 | jq -r '.[0].addr_info[0].local')
check "valid packets pass before" wait_until 10 forwards
process=$(dataplane_process)

# Some frames carry the gateway's own MAC address as their source. A switch learns from them that the gateway lies behind
# the sender and swallows what follows, until the gateway speaks: sticky entries do not move.
scripts/lab exec switch bridge fdb replace "$GATEWAY_LAN_MAC" dev lan-port master static sticky
scripts/lab exec uplink bridge fdb replace "$GATEWAY_WAN_MAC" dev wan-port master static sticky
check "sent on the LAN to the internet" malformed device lan "$GATEWAY_LAN_MAC" "$address" "$SERVER" "$DEVICE6" "$SERVER6"
check "sent on the LAN to the gateway" malformed device lan "$GATEWAY_LAN_MAC" "$address" "$GATEWAY_LAN" "$DEVICE6" "$GATEWAY_LAN6"
check "sent on the WAN to the gateway" malformed internet wan "$GATEWAY_WAN_MAC" "$SERVER" "$GATEWAY_WAN" "$SERVER6" "$GATEWAY_WAN6"
check "sent on the WAN to the LAN" malformed internet wan "$GATEWAY_WAN_MAC" "$SERVER" "$address" "$SERVER6" "$DEVICE6"

check "valid packets pass after" wait_until 10 forwards
check "the same process of the dataplane runs" test "$process" = "$(dataplane_process)"
for reason in truncated bad-ethernet bad-ip-header bad-ip-checksum bad-source unknown-vlan bad-fragment bad-transport \
    unsupported-protocol own-mac unsolicited ttl-exceeded local-in; do
    check "drops counted as $reason" counted "$reason"
done
exit $failed
