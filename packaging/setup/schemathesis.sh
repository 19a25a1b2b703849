#!/usr/bin/env bash
# Installs schemathesis, by which the tests hold every REST door against its own description, into an
# environment of its own in the cache, at the versions that tests/clients/schemathesis/requirements.txt names.
set -euo pipefail
. "$(dirname "$0")/common.sh"

wanted="$(dirname "$0")/../../tests/clients/schemathesis/requirements.txt"
folder="$cache/schemathesis"

cmp -s "$wanted" "$folder/installed.txt" && exit 0
python=/usr/bin/python3
$python -c 'import ensurepip, venv' 2>/dev/null ||
  fail "Python cannot make an environment of its own" "Run packaging/setup/debian.sh tests."

say "installing schemathesis into $folder: half a minute, once per machine"
rm -rf "$folder"
$python -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted" ||
  fail "schemathesis could not be installed" \
    "It comes from the Python registry or a mirror that pip is told of; this one step needs the network."
cp "$wanted" "$folder/installed.txt"
say "schemathesis is in place"
