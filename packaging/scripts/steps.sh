# What every package does around its files. packaging/package.sh puts these steps in front of each script of a package,
# so that a deb, an rpm and install.sh leave the same machine behind. POSIX sh: dash and the bash of 2011 both run it.

config=/etc/his-agent
data=/var/lib/his-agent
log=/var/log/his-agent
key=$config/secrets/master.key

# Two lines for each sentence: a bare console shows no Chinese.
tell() { printf 'his-agent: %s\n' "$@" >&2; }

make_user() {
  getent group his-agent >/dev/null || groupadd --system his-agent
  getent passwd his-agent >/dev/null ||
    useradd --system --gid his-agent --home-dir "$data" --no-create-home --shell /usr/sbin/nologin his-agent
}

# own USER MODE FOLDER: makes it. One that is there keeps the owner and the mode that somebody gave it.
own() {
  [ -d "$3" ] || install -d -o "$1" -g his-agent -m "$2" "$3"
}

make_folders() {
  own root 0750 "$config"
  own root 0750 "$config/secrets"
  own his-agent 0700 "$data"
  own his-agent 0750 "$log"
}

# dpkg unpacks before there is a group; what belongs to it is given to it once.
give_config() {
  chown root:his-agent "$config" "$config/secrets" "$config/agent.toml"
  chmod 0750 "$config" "$config/secrets"
  chmod 0640 "$config/agent.toml"
}

# The key is made once. Where a store is already, a new key would not open it, and would hide that the old one is gone.
make_key() {
  [ ! -e "$key" ] || return 0
  if [ -e "$data/store.key" ] || [ -e "$data/outbox" ]; then
    tell "已有发件箱，不生成新的主密钥。把原来的主密钥放回 $key，或在 agent.toml 的 [outbox] key 写它的位置" \
      "there is a store already, so no master key was made: put its key back to $key, or name it in [outbox] key"
    return 0
  fi
  /usr/bin/his-agent keys make "$key" >&2 || {
    tell "主密钥没有生成：$key" "the master key could not be made: $key"
    return 1
  }
  # The service reads it and cannot change it. systemd older than 247 shows nothing to a service by itself, so the
  # group reads it too; nobody but the service is in it.
  chown root:his-agent "$key"
  chmod 0640 "$key"
}

systemd_runs() { [ -d /run/systemd/system ]; }

reload_units() {
  if systemd_runs; then systemctl daemon-reload || true; fi
}

# Whether the new program takes the configuration it finds. A variable, or a credential that the user of the service
# cannot read here, is shown to the service only; a configuration that names one cannot be asked here.
config_is_taken() {
  if grep -q '^[^#]*"env:' "$config/agent.toml"; then return 0; fi
  for name in $(grep -o '"credential:[^"]*"' "$config/agent.toml" | cut -d : -f 2 | tr -d '"'); do
    runuser -u his-agent -- test -r "$config/secrets/$name" || return 0
  done
  runuser -u his-agent -- /usr/bin/his-agent validate --config "$config/agent.toml" >&2
}

# The daemon of before goes on until now, so the doors are shut for a moment only.
restart_if_running() {
  if ! systemd_runs || ! systemctl --quiet is-active his-agent.service; then return 0; fi
  if ! config_is_taken; then
    tell "新版本不接受现在的配置（见上），旧版本继续运行。改好后执行：systemctl restart his-agent" \
      "the new version does not take the configuration (see above); the old one goes on. Mend it, then: systemctl restart his-agent"
    return 0
  fi
  systemctl restart his-agent.service ||
    tell "没有重新启动，看：journalctl -u his-agent" "it did not start again, see: journalctl -u his-agent"
}

stop_for_good() {
  if systemd_runs; then systemctl --no-reload disable --now his-agent.service || true; fi
}

say_first_steps() {
  tell "已安装，还没有启动。接下来：" \
    "  1. his-agent init：问医院编码、名称，写好 $config/agent.toml，体检，试收一份报文（也可以自己编辑，再 his-agent validate）" \
    "  2. 备份主密钥 $key：丢了它，存下的数据谁也读不出" \
    "  3. systemctl enable --now his-agent" \
    "installed, not started: his-agent init (or edit $config/agent.toml, his-agent validate), keep a copy of $key, systemctl enable --now his-agent"
}

# Configuration and logs go. Patients' data and the key that opens them (and every backup) go only on an explicit word.
purge() {
  rm -rf "$log"
  if [ -e "$data/delete-on-purge" ]; then
    rm -rf "$data" "$config"
    userdel his-agent 2>/dev/null || true
    groupdel his-agent 2>/dev/null || true
    return 0
  fi
  rmdir "$data" 2>/dev/null || true
  if [ -d "$config" ]; then
    find "$config" -mindepth 1 -maxdepth 1 ! -name secrets -exec rm -rf {} +
  fi
  tell "保留了 $config/secrets（主密钥，也用于读备份）$([ ! -d "$data" ] || printf '和 %s（患者数据）' "$data")；确认不要了再手工删除" \
    "kept: $config/secrets (the key, also of every backup)$([ ! -d "$data" ] || printf ' and %s (patient data)' "$data"); delete by hand what is not wanted"
}
