#!/bin/sh
# Makes the locks anew after pyproject.toml changed: one hash-pinned list per system, Python and purpose, without addresses.
# Needs uv (any recent version) and a network; nobody needs uv to install. Commit what changed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"
for system in linux windows; do
    platform=x86_64-manylinux_2_34
    [ $system = windows ] && platform=x86_64-pc-windows-msvc
    for version in 3.11 3.12 3.13; do
        for kind in dev run; do
            file=resources/setup/locks/$system-py$(echo $version | tr -d .)-$kind.txt
            dev=$(echo "$file" | sed 's/-run\.txt$/-dev.txt/')
            set --
            [ $kind = dev ] && set -- --extra dev
            # The run lock takes its versions from the dev lock, so that one environment serves both commands.
            [ $kind = run ] && set -- --constraint "$dev"
            uv pip compile pyproject.toml "$@" --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
                --no-annotate --python-platform $platform --python-version $version --only-binary :all: -o "$file" >/dev/null
            echo "$file: $(grep -c '==' "$file") packages"
        done
    done
done
