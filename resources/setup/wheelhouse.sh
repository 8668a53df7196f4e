#!/bin/sh
# Fills a folder with the locked wheels for a PC without a network: wheelhouse.sh DIR [run|dev] [python version, e.g. 3.11]
# There: WHEELHOUSE=DIR ./run
set -eu
[ $# -ge 1 ] || { echo "usage: wheelhouse.sh DIR [run|dev] [3.11|3.12|3.13]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
venv=${TAHURI_VENV:-$here/../../.venv}
mkdir -p "$1"
version=${3:-$("$venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')}
lock=$here/locks/linux-py$(echo "$version" | tr -d .)-${2:-run}.txt
"$venv/bin/python" -m pip download --disable-pip-version-check --no-input --no-deps --only-binary :all: --require-hashes \
    --python-version "$version" -d "$1" -r "$lock"
echo "$(find "$1" -name '*.whl' | wc -l) wheels for Python $version in $1" >&2
