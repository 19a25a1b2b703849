# Sourced by the set-up scripts and by .ci/run: where things are kept, and how we speak.
# shellcheck shell=bash

# Some schedulers and service managers give none; cargo asks the same list of users then.
# Who is in no list has none: an empty one would be taken for a path.
if [ -z "${HOME:-}" ]; then
  unset HOME
  listed=$(getent passwd "$(id -u)" | cut -d: -f6) || listed=
  [ -z "$listed" ] || export HOME=$listed
fi

# Everything that is made once per machine lies here, outside the checkout.
cache=$(realpath -m "${HIS_AGENT_CACHE:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/his-agent}")

# Whoever sources this may say who speaks.
say() { printf '%s: %s\n' "${speaker:-set-up}" "$*"; }

fail() {
  printf '%s failed: %s\n' "${speaker:-set-up}" "$1" >&2
  shift
  [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
  exit 1
}

# "3 minutes", "40 seconds": people plan a coffee by it, not a rocket.
in_words() {
  if [ "$1" -lt 90 ]; then printf '%d seconds' "$1"; else printf '%d minutes' $((($1 + 30) / 60)); fi
}

# The version of one package in a lock file: locked_version FILE PACKAGE
locked_version() {
  awk -v want="name = \"$2\"" '$0 == want { getline; gsub(/version = |"/, ""); print; exit }' "$1"
}
