#!/usr/bin/env bash
# Compiles RocksDB once per machine and points this checkout's Cargo at the archive.
#
#   packaging/setup/rocksdb.sh             for this machine
#   packaging/setup/rocksdb.sh portable    for the shipped binary: by zig, against glibc 2.17 and with zig's own C++
#                                          library; prints the archive's folder and leaves Cargo as it is
#
# Safe to run at any time and by several checkouts at once: the second one waits for the first and
# uses what it made. An interrupted run leaves nothing that a later one could take for an archive.
set -euo pipefail
. "$(dirname "$0")/common.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)

# The archive must be of the very sources whose header the Rust side was generated from.
version=$(locked_version "$top/Cargo.lock" librocksdb-sys)
ours=$(locked_version "$top/packaging/rocksdb/Cargo.lock" librocksdb-sys)
[ "$version" = "$ours" ] ||
  fail "Cargo.lock has librocksdb-sys $version, packaging/rocksdb/Cargo.lock has $ours" \
    "Follow the last paragraph of packaging/rocksdb/README.md."

command -v cargo >/dev/null || fail "cargo is not here" "Install Rust 1.95 or later first."
if [ "${1:-}" = portable ]; then
  . "$(dirname "$0")/zig.sh"
  exec 3>&1 1>&2
  cargo_build=(cargo zigbuild --profile small --target "$portable_target")
  compiler=zig-c++
  compiler_name=zig$zig_version-glibc$portable_glibc-small
else
  cargo_build=(cargo build --release)
  compiler=${CXX:-c++}
  command -v "$compiler" >/dev/null || fail "no C++ compiler ($compiler)" "Run packaging/setup/debian.sh."
  compiler_name=$(basename "$compiler")$($compiler -dumpfullversion -dumpversion)
fi
features=$(sed -n 's/^librocksdb-sys .*"bindgen-runtime", \(.*\)\] }$/\1/p' "$top/packaging/rocksdb/Cargo.toml" | tr -d '" ' | tr ',' '-')
[ -n "$features" ] || fail "packaging/rocksdb/Cargo.toml: the features of librocksdb-sys are not where this script reads them"

plain=$cache/rocksdb/$version-$features-$compiler_name-$(uname -m)
home=$plain
# With quick checksums, a name of its own: Cargo links anew only what lies elsewhere.
[ "$(uname -m)" != x86_64 ] || home=$plain-crc32c
build=$cache/rocksdb/building${1:+-$1}

# How many C++ files there are; 343 is what 11.8.1 has, should the sources lie elsewhere than usual.
files_total() {
  local list=("${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"librocksdb-sys-$version/rocksdb_lib_sources.txt")
  if [ -s "${list[0]}" ]; then grep -c . "${list[0]}"; else echo 343; fi
}

files_done() { find "$build" -path '*/librocksdb-sys-*' -name '*.o' 2>/dev/null | wc -l; }

# Says every 15 seconds how far the compiler is, while process $1 lives.
report_progress() {
  local started=$SECONDS total done left
  total=$(files_total)
  while kill -0 "$1" 2>/dev/null; do
    sleep 2
    [ $(((SECONDS - started) % 15)) -lt 2 ] || continue
    done=$(files_done)
    # The first files say little about the rest, so the measured rate is used from the 20th on.
    left=$((1080 / $(nproc) * (total - done) / total))
    [ "$done" -lt 20 ] || left=$(((SECONDS - started) * (total - done) / done))
    say "compiling RocksDB, $total C++ files, $done done, about $(in_words "$left") left; once per machine"
  done
}

compile() {
  rm -rf "$build" "$cache"/rocksdb/*.partial
  mkdir -p "$build"
  say "compiling RocksDB into $home: about $(in_words $((1080 / $(nproc)))) on $(nproc) cores, once per machine"

  # From the build folder, so that a .cargo/config.toml of the checkout cannot point at an archive.
  # In a session of its own, so that an interrupted run can end the compilers with it.
  (cd "$build" && exec setsid env -u ROCKSDB_LIB_DIR -u ROCKSDB_STATIC -u RUSTFLAGS -u CARGO_BUILD_TARGET \
    "${cargo_build[@]}" --locked -j"${HIS_AGENT_JOBS:-$(nproc)}" \
    --manifest-path "$top/packaging/rocksdb/Cargo.toml" --target-dir "$build/target") >"$build/log" 2>&1 &
  local cargo=$!
  trap 'kill -- -$cargo 2>/dev/null; exit 130' INT TERM
  report_progress $cargo
  wait $cargo || { tail -n 30 "$build/log" >&2; fail "RocksDB did not compile" "The whole log: $build/log"; }
  trap - INT TERM
}

# The crate compiles the checksum for processors of 2003, and there it takes a quarter of the writer's time. Here it is
# compiled a second time, with the instructions for it, and the processor decides; see packaging/rocksdb/checksum.cc.
quicken() {
  # An archive may be here from before, and the sources not any more.
  cargo fetch --quiet --locked --manifest-path "$top/packaging/rocksdb/Cargo.toml"
  local sources=("${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"librocksdb-sys-$version/rocksdb")
  local into=$1.objects old
  mkdir -p "$into"
  local flags=(-O3 -fPIC -std=c++20 -DNDEBUG -DROCKSDB_PLATFORM_POSIX -DROCKSDB_LIB_IO_POSIX -DOS_LINUX
    -I"${sources[0]}" -I"${sources[0]}/include")
  "$compiler" "${flags[@]}" -DROCKSDB_NAMESPACE=rocksdb_plain -c "${sources[0]}/util/crc32c.cc" -o "$into/plain-crc32c.o"
  "$compiler" "${flags[@]}" -DROCKSDB_NAMESPACE=rocksdb_quick -msse4.2 -mpclmul \
    -c "${sources[0]}/util/crc32c.cc" -o "$into/quick-crc32c.o"
  "$compiler" "${flags[@]}" -c "$top/packaging/rocksdb/checksum.cc" -o "$into/checksum.o"
  old=$(ar t "$1" | grep -E '(^|-)crc32c\.o$') || fail "$1 has no crc32c.o to replace"
  ar d "$1" "$old"
  ar rs "$1" "$into"/*.o
  rm -r "$into"
}

# The folder gets its name only when the archive in it is whole.
keep() {
  local made=$plain/librocksdb.a
  # One of before is as good but for its checksum.
  [ -s "$made" ] || made=$(find "$build/target" -path '*/librocksdb-sys-*' -name librocksdb.a -print -quit)
  [ -n "$made" ] || fail "the build left no librocksdb.a" "The whole log: $build/log"
  mkdir -p "$home.partial"
  cp "$made" "$home.partial/librocksdb.a"
  strip --strip-debug "$home.partial/librocksdb.a"
  [ "$home" = "$plain" ] || quicken "$home.partial/librocksdb.a"
  sync "$home.partial/librocksdb.a"
  mv -T "$home.partial" "$home"
  rm -rf "$build"
}

mkdir -p "$cache/rocksdb"
if [ ! -s "$home/librocksdb.a" ]; then
  exec 9>"$cache/rocksdb/lock"
  flock -n 9 || { say "another checkout compiles RocksDB; waiting for it"; flock 9; }
  if [ ! -s "$home/librocksdb.a" ]; then
    started=$SECONDS
    [ -s "$plain/librocksdb.a" ] || compile
    keep
    say "RocksDB compiled in $(in_words $((SECONDS - started)))"
  fi
  exec 9>&-
fi

if [ "${1:-}" = portable ]; then
  printf '%s\n' "$home" >&3
  exit 0
fi

# Cargo reads this file for every command that is run inside the checkout, by hand or by an editor.
config=$top/.cargo/config.toml
mark="# Written by packaging/setup/rocksdb.sh; it is written again when it is missing."
if [ -s "$config" ] && ! grep -qxF "$mark" "$config"; then
  say "$config is yours and stays; to link RocksDB in seconds, add to its [env]:"
  printf '  ROCKSDB_LIB_DIR = "%s"\n  ROCKSDB_STATIC = "1"\n' "$home"
  exit 0
fi
wanted=$(printf '%s\n[env]\nROCKSDB_LIB_DIR = "%s"\nROCKSDB_STATIC = "1"\n' "$mark" "$home")
if [ "$(cat "$config" 2>/dev/null)" != "$wanted" ]; then
  mkdir -p "$top/.cargo"
  printf '%s\n' "$wanted" >"$config.tmp"
  mv "$config.tmp" "$config"
  say "this checkout links RocksDB from $home"
fi
