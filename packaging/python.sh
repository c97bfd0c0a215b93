#!/bin/sh
# A Python environment with the packages that tests and benchmarks talk to: python.sh FOLDER REQUIREMENTS.
# Prints the interpreter. Exit code 69: it cannot be had (no network, no venv module).
set -eu
folder=$1
wanted=$2
if ! cmp -s "$wanted" "$folder/installed.txt"; then
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        sudo=""
        [ "$(id -u)" -eq 0 ] || sudo="sudo -n"
        echo "installing Debian packages: python3-venv" >&2
        { $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends python3-venv; } >&2 || exit 69
    fi
    echo "installing into $folder: $(tr '\n' ' ' <"$wanted")" >&2
    {
        python3 -m venv --clear "$folder" &&
            "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted" &&
            cp "$wanted" "$folder/installed.txt"
    } >&2 || exit 69
fi
echo "$folder/bin/python"
