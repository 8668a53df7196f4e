#!/bin/sh
# Makes this folder ready: setup.sh run|test
#
# Installs the system packages that are missing (packages-run.txt, for test also packages-test.txt), makes the virtual
# environment and installs the locked wheels, each only when something changed. Nothing to do costs well under a second.
#   WHEELHOUSE=dir     take the wheels from that folder, no network needed
#   TAHURI_VENV=dir    where the virtual environment lies (default .venv beside this project)
#   TAHURI_PYTHON=exe  which Python to use (3.11, 3.12 or 3.13)
#   TAHURI_SKIP_PACKAGES=1  leave the system packages alone
# Progress goes to standard error, so that ./run --json stays clean. Every failure ends in one sentence and a remedy.
set -u
export LC_ALL=C.UTF-8
want=${1:-run}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=${TAHURI_VENV:-$root/.venv}
python=
log=

say() { printf '%s\n' "set-up: $*" >&2; }
stop() { # sentence, remedy
    [ -n "$log" ] && [ -s "$log" ] && tail -n 15 "$log" >&2
    printf '%s\n%s\n' "set-up stopped: $1" "What to do: $2" >&2
    exit 1
}

# Start a step that may take long: say so, keep its output for the case that it fails.
step() { # words, command...
    step_words=$1
    shift
    say "$step_words"
    step_from=$(date +%s)
    "$@" >"$log" 2>&1 9>&-
    step_code=$?
    [ $step_code -eq 0 ] && say "$step_words: done in $(($(date +%s) - step_from)) s"
    return $step_code
}

usable_python() { # sets python to a supported interpreter that can make virtual environments
    for candidate in ${TAHURI_PYTHON:-} python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; then
            python=$candidate
            return 0
        fi
    done
    return 1
}

names() { # the package lines of the lists asked for
    cat "$here/packages-run.txt"
    [ "$want" = test ] && cat "$here/packages-test.txt"
    [ -n "$python" ] || echo python3-venv
}

missing_packages() { # lines of the lists of which no alternative is installed
    installed=" $(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' 2>/dev/null | sed -n 's/^ii //p' | tr '\n' ' ') "
    names | sed 's/#.*//' | while read -r line; do
        [ -n "$line" ] || continue
        found=
        for name in $(echo "$line" | tr '|' ' '); do
            case $installed in *" $name "*) found=1 ;; esac
        done
        [ -n "$found" ] || echo "$line"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

known_name() { # the first of a|b that this release has
    case $1 in *'|'*) ;; *) echo "$1" && return ;; esac
    for name in $(echo "$1" | tr '|' ' '); do
        if LC_ALL=C apt-cache policy "$name" 2>/dev/null | grep -q 'Candidate: [^(]'; then
            echo "$name"
            return
        fi
    done
    echo "$1" | sed 's/.*|//'
}

# A test tool such as Kamailio must not come up as a service of this machine: packages that ask are told no while we install.
hold_services() {
    [ "$want" = test ] && [ ! -e /usr/sbin/policy-rc.d ] || return
    printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null && as_root chmod 755 /usr/sbin/policy-rc.d
    held=1
}
release_services() { [ -n "${held:-}" ] && as_root rm -f /usr/sbin/policy-rc.d; held=; }

install_packages() {
    [ -n "${TAHURI_SKIP_PACKAGES:-}" ] && return
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        stop "this system has no apt, and system packages may be missing" \
            "use Debian 12, Debian 13 or Ubuntu 24.04; elsewhere install the libraries listed in resources/setup/packages-$want.txt and start again with TAHURI_SKIP_PACKAGES=1"
    fi
    missing=$(missing_packages)
    [ -n "$missing" ] || return
    say "missing system packages: $(echo "$missing" | tr '\n' ' ')"
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        stop "system packages are missing, you are not root and there is no sudo" \
            "as root: apt-get install --no-install-recommends $(for line in $missing; do known_name "$line"; done | tr '\n' ' ')"
    fi
    [ "$(id -u)" -eq 0 ] || sudo -v || stop "sudo was refused" "ask for the right to install packages, or let an administrator run ./$want once"
    step "asking for package lists" as_root apt-get update || say "the package lists could not be refreshed; trying with those at hand"
    chosen=$(for line in $missing; do known_name "$line"; done)
    hold_services
    # shellcheck disable=SC2086  # one word a package
    step "installing $(echo "$chosen" | wc -l) system packages" \
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $chosen
    code=$?
    release_services
    [ $code -eq 0 ] || stop "the system packages could not be installed" \
        "see the lines above; without a network, connect one once (on Ubuntu the component 'universe' must be enabled), then ./$want again"
}

lock_of() { # run|dev -> the lock for this Python
    tag=$("$1" -c 'import sys; print("py%d%d" % sys.version_info[:2])')
    echo "$here/locks/linux-$tag-$2.txt"
}

# The environment is current when the lock installed last is the lock of today, and it was made in this very place.
current() { # run|dev
    [ -x "$venv/bin/python" ] && cmp -s "$venv/tahuri-$1.lock" "$(lock_of "$venv/bin/python" "$1")" &&
        [ "$(cat "$venv/tahuri-place" 2>/dev/null)" = "$venv" ]
}

install_wheels() {
    kind=run
    [ "$want" = test ] && kind=dev
    current $kind && return
    # The test lock contains the run lock (tests/house/test_locks.py), so ./run is content with it.
    [ $kind = run ] && current dev && return
    if [ "$(cat "$venv/tahuri-place" 2>/dev/null)" != "$venv" ] || ! "$venv/bin/python" -c pass 2>/dev/null; then
        [ -e "$venv" ] && [ ! -e "$venv/pyvenv.cfg" ] && stop "$venv is in the way and is no virtual environment" "move it, or set TAHURI_VENV to another folder"
        step "making the virtual environment with $("$python" --version 2>&1)" "$python" -m venv --clear "$venv" ||
            stop "the virtual environment could not be made in $venv" "is the disk full or the folder read-only? set TAHURI_VENV to a folder you may write"
        printf '%s\n' "$venv" >"$venv/tahuri-place"
    fi
    lock=$(lock_of "$venv/bin/python" $kind)
    [ -f "$lock" ] || stop "there is no lock $(basename "$lock")" "use Python 3.11, 3.12 or 3.13 (TAHURI_PYTHON=...)"
    rm -f "$venv/tahuri-run.lock" "$venv/tahuri-dev.lock"
    set -- --disable-pip-version-check --no-input --no-deps --only-binary :all: --require-hashes
    if [ -n "${WHEELHOUSE:-}" ]; then
        [ -d "$WHEELHOUSE" ] || stop "WHEELHOUSE is set to $WHEELHOUSE, which is no folder" "give the folder filled by resources/setup/wheelhouse.sh"
        step "installing the locked wheels from $WHEELHOUSE" "$venv/bin/python" -m pip install "$@" --no-index --find-links "$WHEELHOUSE" -r "$lock" ||
            stop "the wheels in $WHEELHOUSE do not satisfy $(basename "$lock")" "fill it with resources/setup/wheelhouse.sh on a PC with a network, same Python version"
    else
        step "installing the locked wheels (about 100 MB the first time)" "$venv/bin/python" -m pip install "$@" -r "$lock" ||
            stop "the wheels could not be fetched" "connect a network, or bring them on a stick: resources/setup/wheelhouse.sh DIR elsewhere, then WHEELHOUSE=DIR ./$want here"
    fi
    step "laying out PySide6's Python side" "$venv/bin/python" "$here/lay_out_pyside.py" ||
        say "PySide6 keeps its Python side zipped: the desk works, and starts a little later"
    cp "$lock" "$venv/tahuri-$kind.lock"
}

case $want in run | test) ;; *) stop "setup.sh knows 'run' and 'test', not '$want'" "call ./run or ./test" ;; esac
[ "$(uname -s)" = Linux ] || stop "this is $(uname -s); ./$want knows Debian 12, Debian 13 and Ubuntu 24.04" "on Windows use $want.cmd"
mkdir -p "$(dirname "$venv")" 2>/dev/null
log=$(mktemp) || stop "no temporary file could be made" "is the disk full? free some space in ${TMPDIR:-/tmp}"
trap 'release_services; rm -f "$log"' EXIT
trap 'exit 130' INT TERM
# Two commands at once take turns.
if command -v flock >/dev/null && exec 9<"$here/setup.sh"; then
    flock -n 9 || { say "another set-up is running, waiting for it" && flock 9; }
fi
usable_python
install_packages
[ -n "$python" ] || usable_python || stop "no Python 3.11, 3.12 or 3.13 that can make virtual environments was found" \
    "use Debian 12, Debian 13 or Ubuntu 24.04, or name one: TAHURI_PYTHON=/path/to/python3 ./$want"
install_wheels
