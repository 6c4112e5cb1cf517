#!/bin/sh
# Starts an engine of its own in a temporary folder, loads the embedded busybox image, runs a container, stops the engine.
# usage: hello.sh BIN, the folder of isula-restd and isula-rest
set -eu
bin=$1
work=$(mktemp -d /tmp/isula-hello.XXXXXX)
chmod 711 "$work"
socket=$work/isulad.sock

finish() {
    code=$?
    trap - EXIT INT TERM
    if [ -n "${daemon:-}" ]; then
        kill "$daemon" 2>/dev/null || true
        wait "$daemon" 2>/dev/null || true
    fi
    for parent in /sys/fs/cgroup/*/isula-hello-$$ /sys/fs/cgroup/isula-hello-$$; do
        if [ -d "$parent" ]; then rmdir "$parent" 2>/dev/null || { sleep 1 && rmdir "$parent"; }; fi
    done
    if [ "$code" != 0 ]; then cat "$work/daemon.log" >&2; fi
    rm -rf "$work"
    exit "$code"
}
trap finish EXIT INT TERM

echo '{}' >"$work/daemon.json"
"$bin/isula-restd" --config-file "$work/daemon.json" --root "$work/data" --state "$work/run" \
    --cgroup-parent "/isula-hello-$$" --host "unix://$socket" --group root >"$work/daemon.log" 2>&1 &
daemon=$!

tries=0
until "$bin/isula-rest" -H "unix://$socket" version >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ] || ! kill -0 "$daemon" 2>/dev/null; then
        echo "the engine did not start" >&2
        exit 1
    fi
    sleep 0.1
done

"$bin/python" -m restd.image.embedded "$work/busybox.tar"
"$bin/isula-rest" -H "unix://$socket" load -q -i "$work/busybox.tar"
"$bin/isula-rest" -H "unix://$socket" run --rm busybox echo "Hello from a container of isula-rest."
