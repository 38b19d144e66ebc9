#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Wrong configurations, missing resources and wrong policies: one clear sentence, nothing half-way, nothing lost.
set -euo pipefail
cd "$(dirname "$0")/../.."
export HEARTGATE_LAB=hgbad
source tests/system/lib.sh

readonly DATAPLANE=$PWD/build/dataplane/control/heartgate-dataplane
readonly HEARTGATED=$PWD/build/controlplane/daemon/heartgated
readonly LISTENER=$PWD/build/controlplane/listener/heartgate-listener
readonly AGENT=$PWD/build/controlplane/agent/heartgate-agent
readonly ETC=/run/heartgate-lab/$HEARTGATE_LAB/gateway/etc

wrong() { # wrong PROGRAM PATTERN LINE...: a configuration file of these lines
    local program=$1 pattern=$2
    shift 2
    printf '%s\n' "$@" >"$work/wrong.yaml"
    fails_with "wrong.yaml:$pattern" "$program" --config "$work/wrong.yaml"
}

work=$(mktemp -d)
trap 'rm -rf "$work"; finish_test' EXIT
scripts/lab up

# --- configuration: file, line, key, what was found, what is allowed
check "dataplane: an unknown key" wrong "$DATAPLANE" '2:.*workrs.*allowed' 'endpoints: {capacity: 16}' 'workrs: {cores: [1]}'
check "dataplane: a value of the wrong kind" wrong "$DATAPLANE" "2:.*cores.*found 'one'.*allowed" 'workers:' '  cores: [one]'
check "dataplane: a missing port" wrong "$DATAPLANE" '.*ports.*found nothing.*allowed' 'workers: {cores: [1]}'
check "heartgated: an unknown key" wrong "$HEARTGATED" '1:.*state_dir.*allowed' 'state_dir: /tmp'
check "heartgated: a value out of range" wrong "$HEARTGATED" "2:.*interval.*found '1ms'.*allowed" 'heartbeat:' '  interval: 1ms'
check "listener: a value out of range" wrong "$LISTENER" "1:.*port.*found '99999'.*allowed" 'port: 99999'
check "agent: a value out of range" wrong "$AGENT" "1:.*interval_ms.*found '5'.*allowed" 'interval_ms: 5'
printf 'watch: [%s]\n' "$work/nowhere" >"$work/agent.yaml"
check "agent: a directory that is not there" fails_with "$work/nowhere is no directory" "$AGENT" --config "$work/agent.yaml" --check-config
mkdir "$work/nowhere"
check "agent: and once it is there" "$AGENT" --config "$work/agent.yaml" --check-config
rmdir "$work/nowhere"
check "a file that is not there" fails_with 'nowhere.yaml' "$LISTENER" --config "$work/nowhere.yaml"

# --- resources: one sentence with the command that mends it
check "dataplane: a second primary" fails_with 'already|running' scripts/lab exec gateway "$DATAPLANE" --config "$ETC/dataplane.yaml"
check "the first one goes on" on gateway hgctl status
second() { sed "s/$HEARTGATE_LAB-lab/$HEARTGATE_LAB-second/; $1" "$ETC/dataplane.yaml" >"$work/second.yaml"; }
second 's/iface=lan-port/iface=lan-port-that-is-missing/; s/netns: "[a-z]*-switch"/netns: nowhere/'
check "dataplane: a missing namespace" fails_with 'nowhere' scripts/lab exec gateway "$DATAPLANE" --config "$work/second.yaml"
second 's/net_tap0,iface=lan-port/0000:99:00.0/'
check "dataplane: a missing device" fails_with '0000:99:00.0' scripts/lab exec gateway "$DATAPLANE" --config "$work/second.yaml"
second ''
check "dataplane: missing hugepages" fails_with 'scripts/setup hugepages|hugepages' scripts/lab exec gateway unshare --mount sh -c \
    "umount /dev/hugepages && exec $DATAPLANE --config $work/second.yaml"

# --- policy: what does not validate leaves the running one in force
before=$(on gateway hgctl policy show --output json)
printf 'rules:\n  - {name: a, action: allow}\n' >"$work/policy.yaml"
cp "$work/policy.yaml" "$ETC/wrong-policy.yaml"
check "policy check names the line and what is allowed" fails_with ':2.*action.*allow.*accept' scripts/lab exec gateway hgctl policy check "$ETC/wrong-policy.yaml"
check "policy apply refuses it" fails_with ':2.*action.*allow.*accept' scripts/lab exec gateway hgctl policy apply "$ETC/wrong-policy.yaml"
check "the running policy stays in force" test "$(on gateway hgctl policy show --output json)" = "$before"
check "a right policy checks" on gateway hgctl policy check "$ETC/policy.yaml"
exit $failed
