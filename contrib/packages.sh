#!/bin/sh
# Installs the Debian packages that are missing: `packages.sh run` for the engine, `packages.sh test` for its tests too.
# What is there already, from wherever, is left alone.
set -eu

# command or file : package that brings it
run="
python3:python3
/usr/include/python3.11/Python.h|/usr/include/python3/Python.h:python3-dev
/usr/lib/python3.11/ensurepip/__init__.py|/usr/lib/python3/ensurepip/__init__.py:python3-venv
/usr/include/sys/capability.h:libcap-dev
gcc:gcc
/usr/include/stdio.h:libc6-dev
runc:runc
/usr/bin/tini-static:tini
/bin/busybox:busybox-static
ps:procps
mount:mount
iptables:iptables
/usr/lib/cni/bridge|/opt/cni/bin/bridge:containernetworking-plugins
/usr/lib/podman/aardvark-dns|/usr/libexec/podman/aardvark-dns:aardvark-dns
"
test="
crun:crun
curl:curl
git:git
make:make
systemd-analyze:systemd
docker:docker.io
dockerd:docker.io
ip:iproute2
nsenter:util-linux
mke2fs:e2fsprogs
docker-registry:docker-registry
openssl:openssl
"

case "${1:-}" in
run) wanted=$run ;;
test) wanted="$run $test" ;;
*) echo "usage: $0 run|test" >&2; exit 2 ;;
esac

present() { # a command on PATH, or one of several files
    case "$1" in
    /*)
        for file in $(echo "$1" | tr '|' ' '); do [ -e "$file" ] && return 0; done
        return 1
        ;;
    *) command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ] ;;
    esac
}

missing=""
for row in $wanted; do
    present "${row%:*}" || missing="$missing ${row##*:}"
done
# Debian's busybox package (the installer's helper) is linked dynamically and would not run in an empty image.
if ldd /bin/busybox >/dev/null 2>&1; then missing="$missing busybox-static"; fi
[ -z "$missing" ] && exit 0

if [ "$(id -u)" != 0 ]; then
    echo "missing packages:$missing; run as root to install them" >&2
    exit 1
fi
missing=$(printf '%s\n' $missing | sort -u)
echo "installing:" $missing
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
