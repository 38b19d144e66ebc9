#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# heartgate-dataplane by itself, between two ports that are rings: how it starts and ends, and that whatever is wrong
# is one sentence with what mends it.
set -euo pipefail
cd "$(dirname "$0")/../.."
program=${HEARTGATE_BUILD:-build}/dataplane/control/heartgate-dataplane
folder=$(mktemp -d)
prefix=hg-start-$$
pid=
failed=0

check() { # check NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$folder/check" 2>&1; then echo "ok $name"; else
        echo "not ok $name"
        sed 's/^/    /' "$folder/check" "$folder/log"
        failed=1
    fi
}

cleanup() {
    [[ -z $pid ]] || kill -9 "$pid" 2>/dev/null || true
    rm -rf "$folder" "/var/run/dpdk/$prefix"
    rm -f "/dev/hugepages/${prefix}"map_*
}
trap cleanup EXIT
trap 'exit 130' INT TERM

config() { # config [SED EXPRESSION]: the valid configuration with something changed
    sed "${1:-}" >"$folder/dataplane.yaml" <<YAML
dpdk: {file_prefix: $prefix, memory_mb: 64, mbufs: 8192}
workers: {cores: [1]}
ports:
  lan: {device: "net_ring0"}
  wan: {device: "net_ring1"}
zones:
  lan: {port: lan}
  wan: {port: wan, role: wan, addresses: [198.18.0.2/24]}
kernel: {enabled: false}
flows: {ipv4_capacity: 1024, ipv6_capacity: 1024}
endpoints: {capacity: 1024}
control_socket: $folder/run/dataplane.sock
YAML
}

start() { # until it is ready, or has ended
    : >"$folder/log" # here, not by the program's own start: what the last one wrote must not be taken for this one's
    "$program" --config "$folder/dataplane.yaml" >>"$folder/log" 2>&1 &
    pid=$!
    local deadline=$((SECONDS + 30))
    until grep -q ' info: ready' "$folder/log" || ! kill -0 "$pid" 2>/dev/null; do
        ((SECONDS < deadline)) || return 1
        sleep 0.02
    done
    grep -q ' info: ready' "$folder/log"
}

end() { # end SIGNAL: waits; the status is that of the program
    local status=0
    kill -s "$1" "$pid"
    wait "$pid" || status=$?
    pid=
    return "$status"
}

# refused WHY: it does not start, the last line says why, and the status is 1
refused() {
    local status=0
    timeout 30 "$program" --config "$folder/dataplane.yaml" >"$folder/log" 2>&1 || status=$?
    ((status == 1)) && tail -1 "$folder/log" | grep -qF -- "$1"
}

nothing_left() { [[ ! -e /var/run/dpdk/$prefix && ! -e $folder/run/dataplane.sock ]] && ! compgen -G "/dev/hugepages/${prefix}map_*"; }

: >"$folder/log"
check "the example configuration is valid" "$program" --check-config --config packaging/examples/dataplane.yaml
check "an unknown option is a usage error" bash -c "'$program' --no-such-option; (( \$? == 2 ))"
config 's/mbufs/mbuffs/'
check "a wrong key is named by file, line and what is allowed" refused \
    "$folder/dataplane.yaml:1: dpdk.mbuffs: unknown key; allowed: file_prefix, memory_mb, hugepages, main_core, mbufs"
config 's/net_ring0/net_tap0,iface=hg-nowhere/'
check "a missing interface is named with the command that makes it" refused \
    "port lan (net_tap0,iface=hg-nowhere): there is no interface hg-nowhere; make it, for net_tap: ip tuntap add dev hg-nowhere mode tap multi_queue"
config 's/net_ring0/0000:ff:1f.7/'
check "a missing NIC is named with the command that binds it" refused \
    "driverctl set-override 0000:ff:1f.7 vfio-pci"
config 's/"net_ring0"/"net_ring0", netns: hg-nowhere/'
check "a missing network namespace is named with the command that makes it" refused "ip netns add hg-nowhere"
config 's/cores: \[1\]/cores: [999]/'
check "a CPU that does not exist is named" refused \
    "$folder/dataplane.yaml:2: workers.cores[0]: found 999; allowed: a CPU of this machine, which has 0 to"
config 's/1024, ipv6/16000000, ipv6/'
check "tables that do not fit name the keys to change" refused "dpdk.memory_mb"
config "s|^control_socket:.*|control_socket: $folder|"
check "a control socket that cannot be made is named" refused "control socket $folder:"
config "\$a standalone_policy: $folder/policy.txt"
echo 'rules { action: ACEPT }' >"$folder/policy.txt"
check "a wrong standalone policy is named by file and line" refused "$folder/policy.txt:1:"
check "nothing is left of what did not start" nothing_left
rmdir "$folder/run" 2>/dev/null || true

config
if (($(awk '/HugePages_Free/ {print $2}' /proc/meminfo) < 40)); then
    echo "skip starts and ends: fewer than 40 free hugepages; run: sysctl vm.nr_hugepages=768"
    exit $failed
fi
config 's/memory_mb: 64/memory_mb: 1000000/'
check "missing hugepages are named with the command that reserves them" refused "run: sysctl vm.nr_hugepages="
config
check "it starts" start
cp "$folder/dataplane.yaml" "$folder/second.yaml"
first=$pid
check "a second one is refused by the process id of the first" bash -c \
    "! '$program' --config '$folder/second.yaml' >'$folder/second' 2>&1 && grep -qF 'process $first ' '$folder/second'"
check "SIGTERM ends it with status 0" end TERM
check "nothing is left of it" nothing_left
check "it starts again" start
check "SIGINT ends it with status 0" end INT
check "it starts before it is killed" start
end KILL 2>/dev/null || true
check "it starts over what a killed one left behind" start
check "and ends cleanly" end TERM
check "nothing is left at last" nothing_left
exit $failed
