#!/bin/sh
# Installs the units and what they need below PREFIX, for the commands in PREFIX/bin; `uninstall` takes them back.
# With DESTDIR (a package is being built) nothing on this host is touched but that folder.
set -eu
cd "$(dirname "$0")"

units="$PREFIX/lib/systemd/system"
users="$PREFIX/lib/sysusers.d/isula-rest.conf"
files="$PREFIX/lib/tmpfiles.d/isula-rest.conf"

reload() {
    if [ -z "$DESTDIR" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
}

case "${1:-}" in
install)
    install -d "$DESTDIR$units" "$DESTDIR${users%/*}" "$DESTDIR${files%/*}"
    sed "s|@BIN@|$PREFIX/bin|" isula-restd.service > "$DESTDIR$units/isula-restd.service"
    chmod 644 "$DESTDIR$units/isula-restd.service"
    install -m 644 isula-restd.socket "$DESTDIR$units/isula-restd.socket"
    install -m 644 sysusers.conf "$DESTDIR$users"
    install -m 644 tmpfiles.conf "$DESTDIR$files"
    [ -z "$DESTDIR" ] || exit 0
    if command -v systemd-sysusers >/dev/null; then
        systemd-sysusers "$users"
        systemd-tmpfiles --create "$files"
    elif ! getent group isula >/dev/null; then
        groupadd --system isula
    fi
    reload
    ;;
uninstall)
    rm -f "$DESTDIR$units/isula-restd.service" "$DESTDIR$units/isula-restd.socket" "$DESTDIR$users" "$DESTDIR$files"
    reload
    ;;
*)
    echo "usage: PREFIX=... DESTDIR=... $0 install|uninstall" >&2
    exit 2
    ;;
esac
