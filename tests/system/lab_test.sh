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
check "each host has its own home directory" bash -c "! scripts/lab exec adserver ls Downloads/mine"
check "the server answers" bash -c '[[ $(scripts/lab exec internet curl -s --retry 20 --retry-connrefused --retry-delay 1 http://198.18.0.1/whoami) == 198.18.0.1 ]]'
check "hosts of the LAN reach each other" on desktop ping -c 1 -W 3 fd00:20::d2
check "nothing passes from LAN to WAN without the dataplane" bash -c '! scripts/lab exec desktop ping -c 2 -W 1 fd00:198::1'
scripts/lab down
check "nothing is left of it" bash -c '! ip netns | grep hgself && [[ ! -e /run/heartgate-lab/hgself ]]'
exit $failed
