# Installs from the unpacked tar.gz, for systems whose package tool is of no use, into the same places as the packages.
#
#   ./install.sh             install, or upgrade what is there
#   ./install.sh --remove    stop and remove; configuration, key and data stay
#   ./install.sh --purge     that, and the configuration and the logs too

here=$(cd "$(dirname "$0")" && pwd)
list=/usr/share/his-agent/installed-files

stop_here() {
  code=$1
  shift
  tell "$@"
  exit "$code"
}

prepare() {
  [ "$(id -u)" -eq 0 ] || stop_here 77 "要用 root 执行" "this needs root: sudo $0"
  if [ -e /var/lib/dpkg/info/his-agent.list ] || rpm -q his-agent >/dev/null 2>&1; then
    stop_here 69 "这台机器已用 deb 或 rpm 安装，请用同一种包升级" "it is installed from a deb or an rpm here: upgrade with the same kind"
  fi
}

# A damaged unpacking is found before anything is touched.
check_files() {
  (cd "$here" && sha256sum -c --quiet SHA256SUMS) >&2 ||
    stop_here 65 "文件已损坏，什么都没有改动；请重新复制、解开安装包" "files are damaged, nothing was touched: copy and unpack the tar.gz again"
}

each_file() { (cd "$here/files" && find usr -type f ! -path '*/vendor-completions/*' | sort); }

# Under another name first: a running program cannot be written over, but it can be replaced.
put_files() {
  each_file | while IFS= read -r file; do
    mode=0644
    if [ -x "$here/files/$file" ]; then mode=0755; fi
    install -D -m "$mode" "$here/files/$file" "/$file.new"
    mv -f "/$file.new" "/$file"
  done
}

# remove_files: what was installed; with a list, only what is not in it.
remove_files() {
  [ -e $list ] || return 0
  while IFS= read -r file; do
    if [ -n "${1:-}" ] && grep -qxF "$file" "$1"; then continue; fi
    rm -f "/$file"
    rmdir -p --ignore-fail-on-non-empty "/${file%/*}" 2>/dev/null || true
  done <$list
}

# An edited configuration is never written over; the new one lies beside it when it differs.
put_config() {
  if [ ! -e $config/agent.toml ]; then
    install -m 0640 "$here/files/etc/his-agent/agent.toml" $config/agent.toml
    give_config
  elif ! cmp -s "$here/files/etc/his-agent/agent.toml" $config/agent.toml; then
    install -o root -g his-agent -m 0640 "$here/files/etc/his-agent/agent.toml" $config/agent.toml.new
    tell "保留现有配置；新版本自带的在 $config/agent.toml.new" "your configuration stays; the shipped one is $config/agent.toml.new"
  fi
}

install_all() {
  check_files
  was_there=no
  if [ -e $list ]; then was_there=yes; fi
  make_user
  make_folders
  put_files
  files=$(mktemp)
  each_file >"$files"
  remove_files "$files"
  install -D -m 0644 "$files" $list
  rm -f "$files"
  put_config
  reload_units
  make_key
  if [ $was_there = no ]; then say_first_steps; else restart_if_running; fi
}

remove_all() {
  [ -e $list ] || stop_here 69 "没有用 install.sh 安装过" "nothing was installed by install.sh here"
  stop_for_good
  remove_files
  rm -f $list
  rmdir /usr/share/his-agent 2>/dev/null || true
  reload_units
}

prepare
case ${1:-} in
  '') install_all ;;
  --remove) remove_all ;;
  --purge)
    remove_all
    purge
    ;;
  *) stop_here 64 "用法：$0 [--remove|--purge]" "usage: $0 [--remove|--purge]" ;;
esac
