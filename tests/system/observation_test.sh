#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Seeing inside, on real packets: drops as they happen, captures that Wireshark reads, flows, alarms, counters that add
# up, DPDK's telemetry.
set -euo pipefail
cd "$(dirname "$0")/../.."
export HEARTGATE_LAB=hgsee
source tests/system/lib.sh
source tests/system/addresses.sh

readonly RUN=/run/heartgate-lab/$HEARTGATE_LAB
readonly CAPTURE=$RUN/gateway/capture.pcapng

pings() { on "$1" ping -n -c 1 -W 1 "$SERVER"; }
address_of() { on "$1" ip -4 -json address show dev eth0 | jq -r '.[0].addr_info[0].local'; }
# The socket is in the appliance's own /var/run. -s: no answer is no true one.
telemetry() { on gateway "$PWD/tests/system/tools/telemetry.py" "$HEARTGATE_LAB-lab" "$1"; }
telemetry_says() { telemetry "$1" | jq -es ".[0][\"$1\"] | $2"; }
rows() { tshark -r "$CAPTURE" -T fields -e frame.interface_name -e ip.src -e ip.dst -e frame.comment -Y icmp 2>/dev/null; }
has_row() { rows | grep -qP "$1"; }
claim() { # the device says to be the gateway, by ARP
    on device /usr/bin/python3 -c 'import sys
from scapy.all import ARP, Ether, sendp
sendp(Ether(dst="ff:ff:ff:ff:ff:ff") / ARP(op=2, psrc=sys.argv[1], pdst=sys.argv[1]), iface="eth0", verbose=0)' "$GATEWAY_LAN"
}
told_once() { on gateway hgctl event list --output json | jq -e --arg mac "$DEVICE_MAC" '[.events[] | select(.kind == "SPOOF" and (.text | contains($mac)))] | length == 1'; }
raised() { on gateway hgctl stats --output json | jq -e '.alarms | (.raised | tonumber) >= 3 and (.told | tonumber) == 1'; }
# What came in went somewhere; read again if a packet was on its way.
adds_up() {
    on gateway hgctl stats --output json | jq -e 'def n: tonumber; .workers | length > 0 and all(
        (.rx_packets | n) > 0 and (.rx_packets | n) + (.from_kernel | n) + (.generated | n)
            == (.tx_packets | n) + (.punted | n) + (.dropped | n) + (.held | n))'
}

trap finish_test EXIT
scripts/lab up
for host in adserver device; do scripts/lab dhcp "$host"; done
on adserver heartgate-agent --config "$RUN/adserver/etc/agent.yaml" enrol --token "$(on gateway hgctl token create 2>/dev/null)" >/dev/null
scripts/lab start adserver-agent
check "the machine with a heartbeat reaches the server" wait_until 10 pings adserver
adserver=$(address_of adserver)
device=$(address_of device)

# The watch is there before it sees anything: pings go on until it has seen one.
on gateway timeout 30 hgctl drop watch --count 1 --protocol icmp --zone lan --output json >"$RUN/gateway/drops.json" &
watch=$!
while kill -0 $watch 2>/dev/null; do pings device >/dev/null 2>&1 || true; done
check "a drop watch names reason and sender" jq -e --arg length 98 '.reason == "source-heartbeat" and .zone == "lan" and .protocol == 1 and .length == ($length | tonumber)' "$RUN/gateway/drops.json"

on gateway timeout 60 hgctl capture --filter "icmp and host $SERVER" --count 8 --write "$CAPTURE" 2>"$RUN/gateway/capture.log" &
capture=$!
while kill -0 $capture 2>/dev/null; do
    pings device >/dev/null 2>&1 || true
    pings adserver >/dev/null 2>&1 || true
done
check "a capture says how many packets are in its file" grep -q '^8 packets in .*, 0 lost' "$RUN/gateway/capture.log"
check "tshark reads it: as many" test "$(rows | wc -l)" = 8
check "what passes is there as it came" has_row "^lan\t$adserver\t$SERVER\t$"
check "and as it left, translated" has_row "^wan\t$GATEWAY_WAN\t$SERVER\t$"
check "what is dropped carries its reason" has_row "^lan\t$device\t$SERVER\tdropped: source-heartbeat$"
check "what passes carries none" bash -c "$(declare -f rows has_row); CAPTURE=$CAPTURE; ! has_row '^lan\t$adserver\t.*dropped'"
check "a filter that is none is refused" fails_with "pcap-filter" scripts/lab exec gateway hgctl capture --filter 'hosst 1' --write /dev/null

check "a machine's flows are found by its name" bash -c "scripts/lab exec gateway hgctl flow list --endpoint adserver --protocol icmp --output json | jq -e '.flows | length > 0 and all(.source_host == \"adserver\" and .protocol == 1)'"
check "and counted" bash -c "scripts/lab exec gateway hgctl flow count --source $adserver --output json | jq -e '.flows | tonumber > 0'"
check "the machine without a heartbeat has none" bash -c "scripts/lab exec gateway hgctl flow count --source $device --output json | jq -e '.flows | tonumber == 0'"
for _ in 1 2 3; do claim; done
check "who claims the gateway's address is an event" wait_until 15 told_once
check "which is told once, and counted" wait_until 15 raised

check "the counters add up" wait_until 20 adds_up
check "telemetry: workers" telemetry_says /heartgate/workers '.worker_0 | .rx_packets > 0 and .tx_packets > 0'
check "telemetry: drops by reason" telemetry_says /heartgate/drops '.source_heartbeat > 0'
check "telemetry: flows" telemetry_says /heartgate/flows '.flows > 0 and .capacity > .flows'
telemetry_helps() { telemetry /help,/heartgate/latency | grep -q microseconds; }
check "telemetry: help with units" telemetry_helps
exit $failed
