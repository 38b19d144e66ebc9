#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The laboratory itself: it comes up, hosts are apart from each other, and nothing of it is left afterwards.
set -euo pipefail
cd "$(dirname "$0")/../.."
export HEARTGATE_LAB=hgself
source tests/system/lib.sh

trap finish_test EXIT
scripts/lab up --bare
check "the laboratory comes up twice without harm" scripts/lab up --bare
check "each host has its own name" test "$(on desktop hostname) $(on adserver hostname)" = "DESKTOP-SJAJN20 adserver"
on desktop touch Downloads/mine
if [[ -f /etc/machine-id ]]; then
    ids=$(for host in desktop adserver device; do on "$host" cat /etc/machine-id; done; cat /etc/machine-id)
    check "each host has a machine id of its own" test "$(sort -u <<<"$ids" | wc -l)" = 4
fi
check "each host has its own home directory" bash -c "! scripts/lab exec adserver ls Downloads/mine"
exits() { # exits STATUS PATTERN COMMAND...: with this status, and says this
    local expected=$1 pattern=$2 status=0 output
    shift 2
    output=$("$@" 2>&1) || status=$?
    ((status == expected)) && grep -qE -- "$pattern" <<<"$output" || {
        echo "status $status: $output"
        return 1
    }
}
check "a command without arguments is wrong usage" exits 2 'scripts/lab exec HOST' scripts/lab exec
check "a host without a command is wrong usage" exits 2 'scripts/lab exec HOST' scripts/lab exec desktop
check "an unknown host: the known ones are named" exits 1 "unknown host 'nohost'.*desktop.*uplink" on nohost true
check "an unknown program is not stopped" exits 1 "unknown program 'foo'.*dataplane" scripts/lab stop foo
check "an unknown program has no log" exits 1 "unknown program 'foo'.*dataplane" scripts/lab log foo
check "a program that was not started has no log" exits 1 'has not been started' scripts/lab log kea
etc=/run/heartgate-lab/$HEARTGATE_LAB/gateway/etc
sed -i 's/memory_mb: 256/memory_mb: lots/' "$etc/dataplane.yaml"
check "a program that ends at its start: its last words are shown" exits 1 "found 'lots'" scripts/lab start dataplane
check "and it does not run" bash -c "scripts/lab status | grep -q '^dataplane *not running'"
sed -i 's/memory_mb: lots/memory_mb: 256/' "$etc/dataplane.yaml"
check "a program is ready when its start returns" scripts/lab start dataplane
check "ready" on gateway test -S /run/heartgate/dataplane.sock
scripts/lab stop dataplane
on desktop touch /var/lib/heartgate-agent/mine /etc/heartgate/mine
check "each host has its own configuration" on adserver bash -c 'test -e /etc/heartgate/agent.yaml && ! test -e /etc/heartgate/mine'
check "each host has its own state" on adserver bash -c 'test -d /var/lib/heartgate-agent && ! test -e /var/lib/heartgate-agent/mine'
check "nothing of it is on this machine" bash -c '! test -e /etc/heartgate/mine && ! test -e /var/lib/heartgate-agent/mine'

check "the server answers" bash -c '[[ $(scripts/lab exec internet curl -s http://198.18.0.1/whoami) == 198.18.0.1 ]]'
check "hosts of the LAN reach each other" on desktop ping -c 1 -W 3 fd00:20::d2
check "nothing passes from LAN to WAN without the dataplane" bash -c '! scripts/lab exec desktop ping -c 2 -W 1 fd00:198::1'
scripts/lab down
check "nothing is left of it" bash -c '! ip netns | grep hgself && [[ ! -e /run/heartgate-lab/hgself ]]'
exit $failed
