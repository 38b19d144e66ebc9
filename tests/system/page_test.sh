#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a browser on a machine that is cut off sees: the page for plain HTTP, with the reason; a refused connection for
# HTTPS; and the real site again once the machine is released.
set -euo pipefail
cd "$(dirname "$0")/../.."
export HEARTGATE_LAB=hgpage
source tests/system/lib.sh
source tests/system/addresses.sh

readonly RUN=/run/heartgate-lab/$HEARTGATE_LAB
readonly ETC=$RUN/gateway/etc

fetch() { on "$1" curl --silent --show-error --max-time 5 --write-out '%{http_code}\n' "${@:2}"; } # fetch HOST URL...
real_site() { fetch "$1" "http://$SERVER/whoami" | grep -qx "$GATEWAY_WAN"; }
page() { # page HOST PATTERN: the page, not the site, and what it says
    local text
    text=$(fetch "$1" "http://$SERVER/whoami")
    grep -qx 511 <<<"$text" && grep -qE "$2" <<<"$text" || {
        echo "$text"
        return 1
    }
}
reset_at_once() { # reset_at_once HOST PORT: refused, and not by silence
    local status=0
    timeout 3 scripts/lab exec "$1" curl --silent --max-time 10 "https://$SERVER:$2/" || status=$?
    ((status == 7)) || {
        echo "curl ended with $status; 7 is a connection that was refused"
        return 1
    }
}
silent() { # silent HOST PORT: no answer at all
    local status=0
    scripts/lab exec "$1" curl --silent --max-time 2 "https://$SERVER:$2/" || status=$?
    ((status == 28))
}
state() { on gateway hgctl endpoint list --output json | jq -e --arg presence "$1" '.endpoints[0] | .presence == $presence and .colour == "GREEN"'; }

trap finish_test EXIT
scripts/lab up
echo 'page: {}' >>"$ETC/dataplane.yaml"
scripts/lab stop dataplane
scripts/lab start dataplane
scripts/lab start page
scripts/lab dhcp adserver
scripts/lab dhcp device
on adserver heartgate-agent --config "$RUN/adserver/etc/agent.yaml" enrol --token "$(on gateway hgctl token create 2>/dev/null)" >/dev/null
scripts/lab start adserver-agent
check "the agent is GREEN" wait_until 20 state CONNECTED

check "a machine without an agent gets the page, which says why" wait_until 10 page device 'does not hear a heartbeat'
check "and the rule" page device '<dd>internet</dd>'
check "and whom to call" page device 'your administrator'
check "its HTTPS is refused at once" reset_at_once device 443
check "other ports stay silent" silent device 8443
check "a healthy machine gets the real site" wait_until 10 real_site adserver
check "the page is not reached directly" bash -c "scripts/lab exec adserver curl --silent --max-time 2 http://$HEARTBEAT:8348/; ((\$? == 28))"
on gateway hgctl endpoint isolate adserver --reason '<script>alert(1)</script> ticket 4711' >/dev/null
check "an isolated machine gets the page with the reason, escaped" page adserver '&lt;script&gt;alert\(1\)&lt;/script&gt; ticket 4711'
check "its HTTPS is refused at once" reset_at_once adserver 443
on gateway hgctl endpoint release adserver >/dev/null
check "a released machine gets the real site again" wait_until 5 real_site adserver
scripts/lab stop page
check "without the page nothing else is reached" bash -c "! scripts/lab exec device curl --silent --max-time 3 http://$SERVER/whoami"
exit $failed
