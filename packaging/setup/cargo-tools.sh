#!/usr/bin/env bash
# Installs cargo-deny into the cache when it is missing, and prints nothing when it is there.
#
# Only the check of licences and sources needs it; building and testing do not.
set -euo pipefail
. "$(dirname "$0")/common.sh"

# One version for everybody: its checks change from release to release.
deny_version=0.20.2

have=$("$cache/tools/bin/cargo-deny" --version 2>/dev/null || true)
[ "$have" = "cargo-deny $deny_version" ] && exit 0

command -v cargo >/dev/null || fail "cargo is not here" "Install Rust 1.95 or later first."
say "installing cargo-deny $deny_version into $cache/tools: about 3 minutes, once per machine"
mkdir -p "$cache/tools"
cargo install --quiet --locked cargo-deny --version "$deny_version" --root "$cache/tools" --target-dir "$cache/tools/building" ||
  fail "cargo-deny $deny_version could not be installed" \
    "It comes from the crate registry, so this one step needs the network."
rm -rf "$cache/tools/building"
say "cargo-deny $deny_version is in place"
