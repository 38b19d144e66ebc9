# SPDX-License-Identifier: Apache-2.0
# What the system tests share: checks that print "ok NAME" or "not ok NAME", and waiting for conditions. Sourced from the
# project's root with HEARTGATE_LAB set to the test's own laboratory.
failed=0

check() { # check NAME COMMAND...
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then echo "ok $name"; else
        echo "not ok $name"
        sed 's/^/    /' <<<"$output" | tail -20
        failed=1
    fi
}

on() { scripts/lab exec "$@"; } # on HOST COMMAND...

wait_until() { # wait_until SECONDS COMMAND...
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

# Succeeds if the command fails with a message that matches.
fails_with() { # fails_with PATTERN COMMAND...
    local pattern=$1 output
    shift
    if output=$(timeout 30 "$@" 2>&1); then
        echo "it did not fail: $output"
        return 1
    fi
    grep -qE "$pattern" <<<"$output" || {
        echo "expected /$pattern/, got: $output"
        return 1
    }
}

finish_test() { # in a trap on EXIT: finish_test; shows the programs' logs if something failed
    if ((failed)); then tail -n 30 "/run/heartgate-lab/$HEARTGATE_LAB/log/"* 2>/dev/null || true; fi
    scripts/lab down
}
