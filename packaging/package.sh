#!/usr/bin/env bash
# Makes the deb, the rpm and the tar.gz, their checksums and their signature, below target/package.
#
#   packaging/package.sh                    the shipped ones: the binary is built for glibc 2.17, which every system of
#                                           the last ten years has
#   packaging/package.sh --binary FILE      of a binary that is there: a trial, for systems like this one, without the
#                                           manual's pages unless `make manual` has left some
#   ... --version VERSION --out FOLDER      another version, another folder
#
# HIS_AGENT_SIGNING_KEY names the key that signs (PEM, ECDSA on P-256); packaging/verify.sh says how one is made.
# Two runs over the same sources and the same binary make the same files.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/packaging/setup/common.sh"
speaker=package

binary=
level=9 # of gzip; a trial is not to wait for it
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$top/Cargo.toml" | head -n 1)
out=${CARGO_TARGET_DIR:-$top/target}/package
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || fail "'$1' wants a value" "See the head of packaging/package.sh."
  case $1 in
    --binary) binary=$(realpath "$2") level=1 ;;
    --version) version=$2 ;;
    --out) out=$(realpath -m "$2") ;;
    *) fail "'$1' is not known" "See the head of packaging/package.sh." ;;
  esac
  shift 2
done
for tool in dpkg-deb rpmbuild readelf strip gzip openssl; do
  command -v $tool >/dev/null || fail "$tool is not here" "Run packaging/setup/debian.sh package."
done

export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$top" log -1 --format=%ct 2>/dev/null || echo 0)}
# A second package is not to be another one because its maker has another umask or language.
umask 022
export LC_ALL=C.UTF-8

if [ -z "$binary" ]; then
  "$top/packaging/portable.sh"
  "$top/packaging/manual.sh"
  binary=${CARGO_TARGET_DIR:-$top/target}/portable/his-agent
fi
architecture=$(readelf -h "$binary" | awk '/Machine:/ { print /X86-64/ ? "amd64" : /AArch64/ ? "arm64" : "" }')
[ -n "$architecture" ] || fail "$binary is for a machine that has no packages here"
machine=$([ "$architecture" = amd64 ] && echo x86_64 || echo aarch64)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
staged=$work/staged
mkdir -p "$out"

lay_out() {
  say "laying out the files of version $version"
  "$top/packaging/stage.sh" "$binary" "$staged"
  find "$staged" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}

# script NAME: the script of a package, with the steps in front of it.
script() {
  printf '#!/bin/sh\nset -e\n\n'
  cat "$top/packaging/scripts/steps.sh"
  printf '\n'
  cat "$top/packaging/scripts/$1"
}

# What Debian calls the libraries that the binary asks for. The shipped one asks for nothing but libc.
debian_libraries() {
  local newest
  newest=$(readelf -VW "$binary" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
  printf 'libc6 (>= %s)' "${newest#GLIBC_}"
  if readelf -dW "$binary" | grep -q 'NEEDED.*libstdc++'; then printf ', libstdc++6'; fi
  if readelf -dW "$binary" | grep -q 'NEEDED.*libgcc_s'; then printf ', libgcc-s1 | libgcc1'; fi
}

make_deb() {
  local file=$out/his-agent_${version}_$architecture.deb tree=$work/deb hook
  say "$(basename "$file")"
  cp -a "$staged" "$tree"
  # The folders that are not root's are made by postinst: dpkg would make them root's, there is no such user before.
  rm -r "$tree/usr/share/zsh/site-functions" "$tree/var" "$tree/etc/his-agent/secrets"
  mkdir "$tree/DEBIAN"
  sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" \
    -e "s/@KIBIBYTES@/$(du -sk --apparent-size "$staged" | cut -f1)/" -e "s/@LIBRARIES@/$(debian_libraries)/" \
    "$top/packaging/deb/control.in" >"$tree/DEBIAN/control"
  for hook in postinst prerm postrm; do
    script "deb.$hook" >"$tree/DEBIAN/$hook"
    chmod 755 "$tree/DEBIAN/$hook"
  done
  printf '/etc/his-agent/agent.toml\n' >"$tree/DEBIAN/conffiles"
  (cd "$tree" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
  # gzip, since the dpkg of UOS 20 does not read zstd.
  dpkg-deb --root-owner-group -Zgzip -z$level --build "$tree" "$file" >/dev/null
}

make_rpm() {
  local file=$out/his-agent-$version-1.$machine.rpm scripts=$work/scripts hook
  say "$(basename "$file")"
  mkdir "$scripts"
  for hook in pre post preun postun; do script "rpm.$hook" | tail -n +2 >"$scripts/rpm.$hook"; done
  (cd "$staged" && find usr -type f ! -path '*/vendor-completions/*' -printf '"/%p"\n'
    find usr/share/his-agent usr/share/doc/his-agent -type d -printf '%%dir "/%p"\n') | LC_ALL=C sort >"$scripts/files"
  cp -a "$staged" "$work/rpm"
  rm -r "$work/rpm/usr/share/zsh/vendor-completions"
  sed -e "s/@VERSION@/$version/" -e "s/@LEVEL@/$level/" -e "s|@STAGED@|$work/rpm|" -e "s|@SCRIPTS@|$scripts|" \
    "$top/packaging/rpm/his-agent.spec.in" >"$work/his-agent.spec"
  rpmbuild -bb --quiet --target "$machine-linux" --define "_topdir $work/rpmbuild" --define "_rpmdir $work" \
    --define "_rpmfilename $(basename "$file")" "$work/his-agent.spec" >"$work/rpm.log" 2>&1 ||
    { cat "$work/rpm.log" >&2; fail "rpmbuild made no rpm"; }
  mv "$work/$(basename "$file")" "$file"
}

make_tar() {
  local folder=his-agent-$version-linux-$machine
  local file=$out/$folder.tar.gz tree=$work/tar/$folder
  say "$(basename "$file")"
  mkdir -p "$work/tar"
  cp -a "$staged" "$work/tar/files"
  mkdir "$tree"
  mv "$work/tar/files" "$tree/files"
  # Not as in a package: who unpacks this looks into it as anybody.
  chmod -R u=rwX,go=rX "$tree"
  script install.sh >"$tree/install.sh"
  chmod 755 "$tree/install.sh"
  (cd "$tree" && find files install.sh -type f -print0 | sort -z | xargs -0 sha256sum) >"$work/sums"
  mv "$work/sums" "$tree/SHA256SUMS"
  tar -C "$work/tar" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -cf - "$folder" |
    gzip -${level}n >"$file"
}

# The checksums of everything, and a signature of the checksums.
seal() {
  local file
  cp "$staged/usr/share/doc/his-agent/sbom.cdx.json" "$out/his-agent-$version.sbom.cdx.json"
  install -m 755 "$top/packaging/verify.sh" "$out/verify.sh"
  (cd "$out" && sha256sum "his-agent_${version}_$architecture.deb" "his-agent-$version-1.$machine.rpm" \
    "his-agent-$version-linux-$machine.tar.gz" "his-agent-$version.sbom.cdx.json" verify.sh) >"$out/SHA256SUMS"
  rm -f "$out/SHA256SUMS.sig"
  if [ -z "${HIS_AGENT_SIGNING_KEY:-}" ]; then
    say "not signed: HIS_AGENT_SIGNING_KEY names no key. For a trial that will do; nobody should install it elsewhere"
    return 0
  fi
  openssl dgst -sha256 -sign "$HIS_AGENT_SIGNING_KEY" -out "$out/SHA256SUMS.sig" "$out/SHA256SUMS" ||
    fail "the checksums could not be signed with $HIS_AGENT_SIGNING_KEY"
}

lay_out
make_deb
make_rpm
make_tar
seal
say "done, in $out:"
(cd "$out" && du -h --apparent-size "his-agent"*"$version"* SHA256SUMS* | sed 's/^/  /')
