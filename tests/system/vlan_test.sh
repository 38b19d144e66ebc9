#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two VLANs beside the LAN on its port, with real frames: each has an interface of its own in Linux, answers with its tag,
# and reaches what the rules for its zone let it reach.
set -euo pipefail
cd "$(dirname "$0")/../.."
export HEARTGATE_LAB=hgvlan
source tests/system/lib.sh
source tests/system/addresses.sh

readonly ETC=/run/heartgate-lab/$HEARTGATE_LAB/gateway/etc
readonly MAC=02:48:47:00:02:77

tagged() { on device /usr/bin/python3 "$PWD/tests/system/tools/tagged_host.py" eth0 "$@" --mac "$MAC"; } # VLAN ADDRESS GATEWAY TARGET
not() { ! "$@"; }
dropped() { on gateway hgctl stats --output json | jq --arg reason "$1" '[.drops[] | select(.name == $reason) | .value | tonumber] | add // 0'; }
grows() { # grows REASON COMMAND...
    local before
    before=$(dropped "$1")
    "${@:2}" || true
    (($(dropped "$1") > before))
}
forwarding() { on gateway hgctl status --output json | jq -e '.dataplane_state == "forwarding"'; }

trap finish_test EXIT
scripts/lab up
scripts/lab stop dataplane
cat >>"$ETC/dataplane.yaml" <<'YAML'
zones:
  lan: {port: lan}
  guests: {port: lan, vlan: 20, addresses: [10.20.20.1/24]}
  servers: {port: lan, vlan: 30, addresses: [10.20.30.1/24]}
  wan: {port: wan, role: wan}
YAML
scripts/lab start dataplane
cat >"$ETC/vlan-policy.yaml" <<'YAML'
rules:
  - {name: guests, from: guests, to: wan, action: accept}
YAML
check "the dataplane forwards again" wait_until 20 forwarding
check "rules may name its zones" on gateway hgctl policy apply "$ETC/vlan-policy.yaml"
check "each zone has an interface in Linux" on gateway ip link show dev hg-guests
check "with the address of its zone" bash -c 'scripts/lab exec gateway ip -4 address show dev hg-servers | grep -q 10.20.30.1/24'
check "the appliance answers a guest, with its tag" tagged 20 10.20.20.66 10.20.20.1 10.20.20.1
check "and a server with its own" tagged 30 10.20.30.66 10.20.30.1 10.20.30.1
check "a guest reaches the internet" tagged 20 10.20.20.66 10.20.20.1 "$SERVER"
check "a server does not: no rule lets it" not tagged 30 10.20.30.66 10.20.30.1 "$SERVER"
check "an address of another zone is dropped" grows bad-source tagged 20 10.20.30.67 10.20.20.1 "$SERVER"
check "an unknown tag is dropped" grows unknown-vlan tagged 21 10.20.20.66 10.20.20.1 10.20.20.1
exit $failed
