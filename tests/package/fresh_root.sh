#!/bin/sh
# Proves both README commands on a system that has nothing but a shell: a fresh `debootstrap --variant=minbase` root.
#
#   tests/package/fresh_root.sh [--only-run] [SUITE]     SUITE: this machine's own by default
#   FRESH_TESTS='tests/store -x' tests/package/fresh_root.sh     what ./test is given in there; all by default
#   FRESH_ARCHIVE=ADDRESS FRESH_OPTIONS='...' FRESH_SCRIPT=FILE     another distribution's archive, further options of
#                     debootstrap (its keyring, its components) and its script where debootstrap has none for the suite
#
# Inside: ./run for a person without rights (one clear sentence), ./run, ./run again (set-up under 5 s), ./run from a
# folder of wheels without a network, ./test's set-up, and ./test with no network at all.
# It takes this machine's own apt and pip settings along (sources, keys, proxies, certificates, folders of wheels) and names
# none of them. Everything is mounted in a mount namespace of its own, so nothing stays mounted however this ends.
# Exit 0 also where chroot is not permitted, after a loud line that says so.
set -u
only_run=
suite=
for argument in "$@"; do
    case $argument in --only-run) only_run=1 ;; *) suite=$argument ;; esac
done
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)

say() { printf '%s\n' "fresh root: $*" >&2; }
fail() { say "FAILED: $*"; exit 1; }

# ---------------------------------------------------------------- outside: make the folder, start the inside, clean up
outside() {
    if [ "$(id -u)" -ne 0 ] || ! unshare --mount --pid --fork true 2>/dev/null || ! chroot / true 2>/dev/null; then
        say "################################################################################"
        say "SKIPPED: chroot is not permitted here; both README commands are NOT proven on a fresh system"
        say "################################################################################"
        exit 0
    fi
    command -v debootstrap >/dev/null || fail "debootstrap is missing: run ./test once, it installs it"
    root=$(mktemp -d "${TMPDIR:-/var/tmp}/tahuri-fresh.XXXXXX") || fail "no room for a root"
    chmod 755 "$root"
    trap 'rm -rf --one-file-system "$root"' EXIT
    trap 'exit 130' INT TERM
    FRESH_INSIDE=$root unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
        "$0" ${only_run:+--only-run} $suite
    code=$?
    if grep -q " $root" /proc/self/mounts; then
        trap - EXIT
        fail "something is still mounted below $root"
    fi
    exit $code
}

# ---------------------------------------------------------------- this machine's settings
system_codename() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }

mirror() { # the first archive that this machine's apt asks for this release
    # shellcheck disable=SC2016  # apt replaces these, not the shell
    apt-get indextargets --format '$(CODENAME) $(RELEASE) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk -v want="$(system_codename)" '($1 == want || $2 == want) { print $3; exit }'
}

bind() { # the folder as it is, read-only
    [ -d "$1" ] || return 0
    mkdir -p "$root$1" && mount --bind "$1" "$root$1" && mount -o remount,ro,bind "$root$1"
}

pip_folders() { # folders on this machine that pip takes wheels from
    {
        env | sed -n 's/^PIP_\(FIND_LINKS\|INDEX_URL\|EXTRA_INDEX_URL\)=//p'
        cat /etc/pip.conf "$HOME/.config/pip/pip.conf" "$HOME/.pip/pip.conf" 2>/dev/null |
            sed -n 's/^ *\(find-links\|index-url\|extra-index-url\) *= *//p; s/^  *\(file:\|\/\)/\1/p'
    } | tr ' ' '\n' | sed -n 's|^file://||; s|/simple/*$||; /^\//p' | sort -u
}

take_settings_along() {
    cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null
    cp -L /etc/hosts "$root/etc/hosts" 2>/dev/null
    # apt: how to reach archives and whom to trust; what to take from them only if it is the same release.
    mkdir -p "$root/etc/apt" "$root/usr/share/keyrings"
    for name in apt.conf apt.conf.d auth.conf auth.conf.d keyrings trusted.gpg trusted.gpg.d; do
        [ -e "/etc/apt/$name" ] && cp -a "/etc/apt/$name" "$root/etc/apt/"
    done
    if [ "$suite" = "$(system_codename)" ]; then
        rm -rf "$root/etc/apt/sources.list" "$root/etc/apt/sources.list.d"
        for name in sources.list sources.list.d preferences preferences.d; do
            [ -e "/etc/apt/$name" ] && cp -a "/etc/apt/$name" "$root/etc/apt/"
        done
    fi
    cp -an /usr/share/keyrings/. "$root/usr/share/keyrings/" 2>/dev/null
    cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -o 'file:/[^] ]*' | sed 's|^file:/*|/|' | sort -u |
        while read -r folder; do bind "$folder"; done
    # Certificates this machine trusts, in the place where the system's own bundle is made from.
    bundle=/etc/ssl/certs/ca-certificates.crt
    if [ -f $bundle ]; then
        mkdir -p "$root/etc/ssl/certs" "$root/usr/local/share/ca-certificates"
        cp -L $bundle "$root$bundle"
        cp -L $bundle "$root/usr/local/share/ca-certificates/this-machine.crt"
    fi
    # pip
    [ -f /etc/pip.conf ] && cp /etc/pip.conf "$root/etc/pip.conf"
    for name in .config/pip .pip; do
        [ -d "$HOME/$name" ] && mkdir -p "$root/root/$name" && cp -a "$HOME/$name/." "$root/root/$name/"
    done
    pip_folders | while read -r folder; do bind "$folder"; done
}

# Only what concerns the way to archives and indexes; nothing else of this machine's environment goes in.
settings_of_the_environment() {
    env | grep -iE '^(PIP_[A-Z_]+|https?_proxy|no_proxy|all_proxy|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)='
}

enter() { # a command line for sh inside the root, in the project
    # shellcheck disable=SC2046  # none of these values holds blanks, else env would not have been readable line by line
    env -i $(settings_of_the_environment) HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        LANG=C.UTF-8 chroot "$root" /bin/sh -c "cd /tahuri && $1"
}

seconds() { date +%s; }
took() { say "$1: $(($(seconds) - $2)) s"; }

last_line_holds() { # file: the last line of the demonstration says that every step held
    tail -n 1 "$1" | grep -q '"ok": *true' && ! grep -q '"ok": *false' "$1"
}

play() { # name, command: the demonstration must hold
    from=$(seconds)
    if ! enter "$2" >"$root/$1.json" || ! last_line_holds "$root/$1.json"; then
        tail -n 30 "$root/$1.json" >&2
        fail "the demonstration ($1)"
    fi
    took "$1" "$from"
}

# ---------------------------------------------------------------- inside: build the root, prove the commands
inside() {
    suite=${suite:-$(system_codename)}
    archive=${FRESH_ARCHIVE:-$(mirror)}
    [ -n "$archive" ] || fail "apt on this machine knows no archive of $(system_codename)"
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    # shellcheck disable=SC2154
    [ -n "${proxy:-}" ] && export http_proxy="$proxy"
    case $archive in https:*) extra=--include=ca-certificates ;; *) extra= ;; esac
    from=$(seconds)
    # shellcheck disable=SC2086
    debootstrap --variant=minbase $extra ${FRESH_OPTIONS:-} "$suite" "$root" "$archive" ${FRESH_SCRIPT:-} >"$root.log" 2>&1 ||
        { tail -n 20 "$root.log" >&2; rm -f "$root.log"; fail "debootstrap of $suite"; }
    rm -f "$root.log"
    took "debootstrap --variant=minbase $suite" "$from"
    # This root lives for minutes: dpkg need not wait for the disk after every file of a hundred packages.
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" 2>/dev/null || { mkdir -p "$root/dev/shm" && mount -t tmpfs tmpfs "$root/dev/shm"; }
    take_settings_along
    mkdir "$root/tahuri"
    (cd "$project" && git -c safe.directory="*" ls-files -z | tar --null --files-from=- --ignore-failed-read -cf -) | tar -xf - -C "$root/tahuri"
    enter '! command -v python3 && ! command -v sudo' >/dev/null || fail "the root is not bare"

    enter "chown -R nobody /tahuri && su -s /bin/sh nobody -c 'cd /tahuri && ./run'; code=\$?; chown -R root /tahuri; exit \$code" \
        >"$root/nobody.txt" 2>&1 && fail "./run for a person without rights went on"
    grep -q 'as root: apt-get install' "$root/nobody.txt" || { cat "$root/nobody.txt" >&2; fail "no remedy for a person without rights"; }

    play first-run './run --json'
    from=$(date +%s%N)
    enter 'resources/setup/setup.sh run' || fail "the second set-up"
    second=$((($(date +%s%N) - from) / 1000000))
    say "second set-up: $second ms"
    [ $second -lt 5000 ] || fail "the second set-up took $second ms"
    play second-run './run --json'

    enter 'resources/setup/wheelhouse.sh /wheels run' >"$root/wheelhouse.txt" 2>&1 || { tail "$root/wheelhouse.txt" >&2; fail "the wheelhouse"; }
    play offline-run 'TAHURI_VENV=/offline WHEELHOUSE=/wheels unshare --net python3 tests/package/loopback.py ./run --json'
    [ -n "$only_run" ] && return 0

    from=$(seconds)
    enter 'resources/setup/setup.sh test' || fail "the set-up of ./test"
    took "set-up of ./test" "$from"
    from=$(seconds)
    enter "unshare --net python3 tests/package/loopback.py ./test ${FRESH_TESTS:-}" >&2 || fail "./test without a network"
    took "./test without a network" "$from"
}

if [ -n "${FRESH_INSIDE:-}" ]; then
    root=$FRESH_INSIDE
    unset FRESH_INSIDE
    inside
    say "both README commands hold on a fresh ${suite:-system}"
else
    outside
fi
