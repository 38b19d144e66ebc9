#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The systemd units: well formed, and each program works by its ExecStart line with no more capabilities than its unit has.
set -euo pipefail
cd "$(dirname "$0")/../.."
export HEARTGATE_LAB=hgunit
source tests/system/lib.sh
source tests/system/addresses.sh

readonly BUILD=${HEARTGATE_BUILD:-build}
readonly UNITS=$BUILD/packaging/systemd
readonly RUN=/run/heartgate-lab/$HEARTGATE_LAB
pids=()

setting() { sed -n "s/^$2=//p" "$UNITS/$1.service"; } # setting UNIT KEY

program() { # program NAME: its path in the build directory
    find "$PWD/$BUILD/dataplane" "$PWD/$BUILD/controlplane" -type f -name "$1" -perm -u+x
}

verify() { # the units as they are, but for the place of the programs, which are not installed here
    local unit
    for unit in "$UNITS"/*.service; do
        sed "s|^ExecStart=[^ ]*|ExecStart=$(program "$(basename "$unit" .service)")|" "$unit" >"$work/$(basename "$unit")"
    done
    systemd-analyze verify --man=no "$work"/*.service >"$work/verify" 2>&1 && [[ ! -s $work/verify ]] || {
        cat "$work/verify"
        return 1
    }
}

# Starts a unit's command line in a host, in the background, with the unit's capabilities.
start_unit() { # start_unit HOST UNIT
    local host=$1 unit=$2 words capabilities
    read -ra words <<<"$(setting "$unit" ExecStart)"
    words[0]=$(program "$(basename "${words[0]}")")
    capabilities=$(setting "$unit" CapabilityBoundingSet | tr 'A-Z' 'a-z' | sed 's/cap_/+/g; s/ /,/g')
    scripts/lab exec "$host" "$PWD/tests/system/tools/notified.py" setpriv --no-new-privs --bounding-set "-all,$capabilities" \
        --inh-caps=-all "${words[@]}" >"$RUN/log/unit-$unit" 2>&1 &
    pids+=($!)
}

says() { grep -qE "$2" "$RUN/log/unit-$1"; } # says UNIT PATTERN
forwarding() { on gateway hgctl status --output json | jq -e '.dataplane_state == "forwarding" and .listener_connected'; }
green() { on gateway hgctl endpoint list --output json | jq -e '.endpoints[0] | .presence == "CONNECTED" and .colour == "GREEN"'; }
yellow() { on gateway hgctl endpoint list --output json | jq -e '.endpoints[0].colour == "YELLOW"'; }
eicar() { printf '%s%s' 'X5O!P%@AP[4\PZX54(P^)7CC)7}' '$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'; }
end_units() {
    ((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true
    wait
}

work=$(mktemp -d)
trap 'end_units; rm -rf "$work"; finish_test' EXIT
if command -v systemd-analyze >/dev/null; then
    check "the units are well formed" verify
else
    echo "skip the units are well formed: there is no systemd-analyze; run: apt-get install systemd"
fi
scripts/lab up --bare
start_unit gateway heartgate-dataplane
check "the dataplane says READY=1" wait_until 20 says heartgate-dataplane '^READY=1'
check "and WATCHDOG=1 while all goes round" wait_until 10 says heartgate-dataplane '^WATCHDOG=1'
start_unit gateway heartgated
start_unit gateway heartgate-listener
check "the three programs work together" wait_until 20 forwarding

scripts/lab start kea
scripts/lab dhcp adserver
on gateway hgctl token create 2>/dev/null | on adserver heartgate-agent enrol --token-file - >/dev/null
start_unit adserver heartgate-agent
check "the agent is GREEN" wait_until 10 green
check "its traffic passes" wait_until 10 on adserver ping -n -c 1 -W 1 "$SERVER"
on adserver mkdir -m 1777 -p public
eicar | on adserver setpriv --reuid nobody --regid nogroup --clear-groups tee public/eicar.com >/dev/null
check "it finds malware in another user's file" wait_until 10 yellow
check "and removes it" wait_until 20 on adserver bash -c '! test -e public/eicar.com'
check "and is GREEN again" wait_until 30 green
exit $failed
