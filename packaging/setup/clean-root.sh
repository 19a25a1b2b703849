#!/usr/bin/env bash
# Makes the clean Debian that the tests install packages in: the smallest there is, as one tar file in the cache, once
# per machine. Each test unpacks its own.
set -euo pipefail
. "$(dirname "$0")/common.sh"

folder=$cache/clean-root
tar=$folder/bookworm.tar
[ ! -s "$tar" ] || exit 0
command -v mmdebstrap >/dev/null || fail "mmdebstrap is not here" "Run packaging/setup/debian.sh tests."

mkdir -p "$folder"
exec 9>"$folder/lock"
flock -n 9 || { say "another checkout makes the clean Debian; waiting for it"; flock 9; }
[ ! -s "$tar" ] || exit 0
# The mirror that this machine's packages come from, when it says one.
mirror=${HIS_AGENT_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' \
  'Created-By: Packages' 2>/dev/null | awk '$2 == "bookworm" { print $1; exit }')}
say "making a clean Debian for the tests: a minute on a good line, once per machine (log: $folder/log)"
mmdebstrap --format=tar --variant=minbase --dpkgopt='path-exclude=/usr/share/locale/*' \
  bookworm "$tar.partial" ${mirror:+"$mirror"} >"$folder/log" 2>&1 || {
  tail -n 15 "$folder/log" >&2
  fail "no clean Debian could be made" "No network? mmdebstrap needs a Debian mirror for this one step; HIS_AGENT_DEBIAN_MIRROR=URL names another."
}
mv "$tar.partial" "$tar"
say "a clean Debian is in place"
