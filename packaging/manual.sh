#!/usr/bin/env bash
# Makes the manual's pages: HTML that needs no network, in target/manual or where the argument says.
#
# mdBook is installed into the cache when it is missing; only this needs it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/setup/common.sh"

# One version for everybody: themes and links change from release to release.
version=0.4.52
to=$(realpath -m "${1:-${CARGO_TARGET_DIR:-$here/../target}/manual}")

have=$("$cache/tools/bin/mdbook" --version 2>/dev/null || true)
if [ "$have" != "mdbook v$version" ]; then
  say "installing mdBook $version into $cache/tools: about 4 minutes, once per machine"
  cargo install --quiet --locked mdbook --version "$version" --no-default-features --features search \
    --root "$cache/tools" --target-dir "$cache/tools/building" ||
    fail "mdBook $version could not be installed" "It comes from the crate registry, so this one step needs the network."
  rm -rf "$cache/tools/building"
fi
sources=$(mktemp -d)
trap 'rm -rf "$sources"' EXIT
"$here/book.py" "$sources/docs"
"$cache/tools/bin/mdbook" build "$sources/docs" --dest-dir "$to"
say "the manual: $to/index.html"
