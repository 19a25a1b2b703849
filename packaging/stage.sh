#!/usr/bin/env bash
# Lays out the files of a package below a folder, as they will lie below / on the hospital's machine. The manual's pages
# are there when packaging/manual.sh has made them.
#
#   packaging/stage.sh BINARY FOLDER
#
# Owners are the packages' business; modes are set here.
set -euo pipefail
binary=$(realpath "$1")
into=$(realpath -m "$2")
cd "$(dirname "$0")/.."
umask 022

put() { install -D -m "$1" "$2" "$into/$3"; }

# Data beside which Rust sources lie: only the data.
put_data() {
  find "$1" -type f ! -name '*.rs' ! -name Cargo.toml ! -path '*/src/*' ! -path '*/tests/*' -print0 |
    while IFS= read -r -d '' file; do put 644 "$file" "usr/share/his-agent/$file"; done
}

rm -rf "$into"
put 755 "$binary" usr/bin/his-agent
strip --strip-all "$into/usr/bin/his-agent"
put 644 packaging/systemd/his-agent.service usr/lib/systemd/system/his-agent.service
put 644 packaging/systemd/his-agent.sysusers usr/lib/sysusers.d/his-agent.conf
put 644 packaging/systemd/his-agent.tmpfiles usr/lib/tmpfiles.d/his-agent.conf

# The configuration of the first start: as shipped, with the key of the store apart from the store.
shipped='# key = "credential:master.key"'
[ "$(grep -cxF "$shipped" config/agent.toml)" -eq 1 ] ||
  { echo "config/agent.toml: the line '$shipped' is not there once" >&2; exit 1; }
sed "s|^$shipped\$|${shipped#\# }|" config/agent.toml >"$into/agent.toml"
put 640 "$into/agent.toml" etc/his-agent/agent.toml
rm "$into/agent.toml"
install -d -m 750 "$into/etc/his-agent" "$into/etc/his-agent/secrets" "$into/var/log/his-agent"
install -d -m 700 "$into/var/lib/his-agent"

for folder in schemas mappings rules; do put_data "$folder"; done
# The manual's texts lie among its neighbours as in the checkout, so that its links lead somewhere.
for file in README.md README.zh-CN.md docs/*.md docs/*.json docs/cookbook/*.md config/agent.toml config/examples/*.toml packaging/CHANGELOG.md \
  packaging/clients/* packaging/prometheus/* packaging/grafana/*; do
  put 644 "$file" "usr/share/doc/his-agent/$file"
done
sed -i 's|](\.\./mappings/|](/usr/share/his-agent/mappings/|g' "$into"/usr/share/doc/his-agent/docs/*.md
manual=${CARGO_TARGET_DIR:-target}/manual
if [ -d "$manual" ]; then
  (cd "$manual" && find . -type f -print0) | while IFS= read -r -d '' file; do
    put 644 "$manual/$file" "usr/share/doc/his-agent/manual/${file#./}"
  done
fi
put 644 LICENSE usr/share/doc/his-agent/copyright

# What the command line says of itself.
pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT
"$binary" man "$pages"
for page in "$pages"/*; do
  gzip -9n "$page"
  put 644 "$page.gz" "usr/share/man/man${page##*.}/${page##*/}.gz"
done
# zsh looks in one folder on Debian and in another on CentOS.
for place in bash:usr/share/bash-completion/completions/his-agent zsh:usr/share/zsh/vendor-completions/_his-agent \
  zsh:usr/share/zsh/site-functions/_his-agent fish:usr/share/fish/vendor_completions.d/his-agent.fish; do
  "$binary" completions "${place%%:*}" >"$pages/completions"
  put 644 "$pages/completions" "${place#*:}"
done

packaging/inventory.py sbom >"$pages/sbom"
put 644 "$pages/sbom" usr/share/doc/his-agent/sbom.cdx.json
packaging/inventory.py licences >"$pages/licences"
put 644 "$pages/licences" usr/share/doc/his-agent/THIRD-PARTY.txt
