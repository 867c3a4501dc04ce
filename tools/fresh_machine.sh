#!/bin/sh
# Runs a command in a clean clone of this repository on a fresh Debian 12 in which nothing is
# installed, in namespaces of its own:  tools/fresh_machine.sh './grappe demo --delete'
# Needs root, mmdebstrap and git. How this machine reaches the registries (resolver, apt's and
# pip's settings, a certificate in PIP_CERT) is taken over; nothing else is. Leaves nothing.
set -eu

repository=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
root=$(mktemp -d)
trap 'rm -rf --one-file-system "$root"' EXIT

mmdebstrap --quiet --variant=minbase --include=git bookworm "$root"
cp /etc/resolv.conf "$root/etc/"
for file in /etc/apt/apt.conf.d/*; do
    [ ! -e "$file" ] || ! grep -qE 'Proxy|Check-|CaInfo' "$file" || cp "$file" "$root/etc/apt/apt.conf.d/"
done
if [ -n "${PIP_CERT:-}" ]; then
    cp "$PIP_CERT" "$root/opt/pip.crt"
    printf '[global]\ncert = /opt/pip.crt\n' >"$root/etc/pip.conf"
fi
git clone -q "file://$repository" "$root/root/grappe"

# shellcheck disable=SC2016
unshare --mount --pid --fork --kill-child --propagation private sh -eu -c '
    mount --bind "$1" "$1"
    mount -t proc proc "$1/proc"
    mount --rbind /sys "$1/sys"
    mount --rbind /dev "$1/dev"
    exec env -i HOME=/root TERM=dumb LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        CI="${CI:-}" chroot "$1" sh -c "cd /root/grappe && $2"
' sh "$root" "${1:-./grappe demo --delete}"
