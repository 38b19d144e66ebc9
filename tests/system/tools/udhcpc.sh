#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What udhcpc does with a lease inside a laboratory host: address, default route, resolver. The resolver file is the
# host's own (a bind mount), so that it is written in place.
case $1 in
    deconfig) ip -4 address flush dev "$interface" ;;
    bound | renew)
        ip -4 address replace "$ip/${mask:-24}" dev "$interface"
        [ -z "$router" ] || ip -4 route replace default via "${router%% *}" dev "$interface"
        : >/etc/resolv.conf
        for server in $dns; do echo "nameserver $server" >>/etc/resolv.conf; done
        ;;
esac
