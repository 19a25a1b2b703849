#!/usr/bin/env bash
# Builds the shipped binary, target/portable/his-agent: for glibc 2.17 and later, RocksDB and the C++ library inside.
set -euo pipefail
speaker=package
cd "$(dirname "$0")/.."
. packaging/setup/zig.sh

target=${CARGO_TARGET_DIR:-target}
archive=$(packaging/setup/rocksdb.sh portable)

# Whole-program optimisation runs on one core: half of the time is the last step.
say "building the shipped binary for glibc $portable_glibc; about 15 minutes on two cores the first time"
started=$SECONDS
# The ciphers without tables and AVX-512 code of a megabyte: a handshake takes longer, a stream does not. C is never
# unwound.
settings=(AWS_LC_SYS_SMALL=1 CFLAGS='-fno-asynchronous-unwind-tables -fno-unwind-tables'
  ROCKSDB_LIB_DIR="$archive" ROCKSDB_STATIC=1)
env "${settings[@]}" cargo zigbuild --profile shipped --locked --bin his-agent \
  ${HIS_AGENT_JOBS:+-j"$HIS_AGENT_JOBS"} --target "$portable_target"
mkdir -p "$target/portable"
cp "$target/${portable_target%.*.*}/shipped/his-agent" "$target/portable/his-agent"
say "the shipped binary is built, in $(in_words $((SECONDS - started)))"
