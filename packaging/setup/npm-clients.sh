#!/usr/bin/env bash
# Installs the clients of npm that the tests call and listen with, at the versions that
# tests/clients/package-lock.json names, down to the last of what they stand on: what is published tomorrow
# changes no test. Those of Debian come with debian.sh.
#
# Another version: change package.json, and in a folder with a copy of it
#   npm install --package-lock-only --omit-lockfile-registry-resolved
set -euo pipefail
. "$(dirname "$0")/common.sh"

clients="$(dirname "$0")/../../tests/clients"
wanted="$clients/package-lock.json"
folder="$cache/npm-clients"

cmp -s "$wanted" "$folder/installed.json" && exit 0
command -v npm >/dev/null || fail "npm is not here" "It comes with Debian's npm, or with Node.js"

mkdir -p "$folder"
exec 9>"$folder/lock"
flock -n 9 || { say "another checkout installs the clients of npm; waiting for it"; flock 9; }
! cmp -s "$wanted" "$folder/installed.json" || exit 0
cp "$clients/package.json" "$wanted" "$folder/"
say "installing the clients of npm: half a minute"
(cd "$folder" && npm ci --no-audit --no-fund --fetch-retries=5 >npm.log 2>&1) || {
  tail -n 15 "$folder/npm.log" >&2
  fail "npm could not install the clients" "No network? npm needs its registry or a mirror for this one step."
}
cp "$wanted" "$folder/installed.json"
say "the clients of npm are in place"
