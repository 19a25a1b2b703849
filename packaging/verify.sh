#!/bin/sh
# Tells whether the packages in this folder are those that were signed. Needs openssl 1.0.2 or later and sha256sum,
# which every system since CentOS 7 has; hence ECDSA and not Ed25519.
#
#   ./verify.sh RELEASE-KEY.pem       the public key, which came another way than the packages
#
# For the maker: a key and its public half are made, once, by
#   openssl ecparam -name prime256v1 -genkey -noout -out signing.key
#   openssl ec -in signing.key -pubout -out RELEASE-KEY.pem
# and HIS_AGENT_SIGNING_KEY=signing.key make package signs with it.
set -eu
[ $# -eq 1 ] || { echo "用法 usage: $0 RELEASE-KEY.pem" >&2; exit 64; }
key=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")"
[ -r "$key" ] || { echo "读不到公钥 no such key: $key" >&2; exit 64; }
[ -r SHA256SUMS.sig ] || { echo "没有签名 there is no SHA256SUMS.sig: do not install" >&2; exit 65; }
openssl dgst -sha256 -verify "$key" -signature SHA256SUMS.sig SHA256SUMS >/dev/null 2>&1 ||
  { echo "签名不符，不要安装 SHA256SUMS is not what was signed: do not install" >&2; exit 65; }
# Only what is here: one package is enough to install.
found=0
while read -r digest file; do
  [ -e "$file" ] || continue
  found=$((found + 1))
  printf '%s  %s\n' "$digest" "$file" | sha256sum -c - >/dev/null 2>&1 ||
    { echo "$file 已损坏或被改过，不要安装 is damaged or was changed: do not install" >&2; exit 65; }
  echo "$file 完好 good"
done <SHA256SUMS
[ $found -gt 0 ] || { echo "这里没有安装包 there is no package here" >&2; exit 65; }
