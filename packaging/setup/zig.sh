#!/usr/bin/env bash
# The compiler of the shipped binary: zig, which brings the headers of every glibc and its own C++ library. It is
# installed from the Python registry into the cache, once per machine. Sourced, it also says where it lies and what it
# builds for.
#
# A program that was linked on Debian 12 asks for glibc 2.34 and for GCC's C++ library of that year; 麒麟 V10 and UOS 20
# have glibc 2.28, CentOS 7 has 2.17.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

zig_version=0.15.2
zigbuild_version=0.24.0
portable_glibc=2.17
portable_target=$(uname -m)-unknown-linux-gnu.$portable_glibc

zig_home=$cache/tools/zig-$zig_version-$zigbuild_version

install_zig() {
  local python=/usr/bin/python3
  $python -c 'import ensurepip, venv' 2>/dev/null ||
    fail "Python cannot make an environment of its own" "Run packaging/setup/debian.sh package."
  say "installing zig $zig_version and cargo-zigbuild $zigbuild_version into $zig_home: a minute on a good line, once per machine"
  rm -rf "$zig_home".*
  $python -m venv "$zig_home.new"
  "$zig_home.new/bin/pip" install --quiet --disable-pip-version-check \
    "ziglang==$zig_version" "cargo-zigbuild==$zigbuild_version" ||
    fail "zig could not be installed" "It comes from the Python registry or a mirror that pip is told of; this one step needs the network."
  # The linker of Cargo and the script for RocksDB call it by a plain name. It says where it lies by its own path, since
  # the folder gets its name only now.
  (cd "$zig_home.new/bin" && ln -s ../lib/python3.*/site-packages/ziglang/zig zig)
  printf '#!/bin/sh\nexec "${0%%/*}/zig" c++ -target %s-linux-gnu.%s "$@"\n' "$(uname -m)" "$portable_glibc" \
    >"$zig_home.new/bin/zig-c++"
  chmod 755 "$zig_home.new/bin/zig-c++"
  mv -T "$zig_home.new" "$zig_home"
}

[ -x "$zig_home/bin/zig-c++" ] || install_zig >&2
export PATH=$zig_home/bin:$PATH
# Its cache of compiled C libraries, with the rest of what is made once.
export ZIG_GLOBAL_CACHE_DIR=$cache/tools/zig-cache ZIG_LOCAL_CACHE_DIR=$cache/tools/zig-cache
# What librocksdb-sys links for C++; zig has no libstdc++, and links its own statically.
export CXXSTDLIB=c++
