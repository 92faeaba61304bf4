# shellcheck shell=bash
# Sourced by the scripts beside it: packages of Debian and Ubuntu.

# Tell whether this process may install packages: root, on a machine that has apt-get.
can_apt() {
  [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null
}

# Install packages and say so; show what apt-get said only when it fails.
apt_install() {
  local log
  log=$(mktemp)
  echo "Installing $* with apt-get ..."
  # A fresh image has no package lists, and old lists name files that are gone: then fetch them and try again.
  if DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$log" 2>&1 ||
    { apt-get update -qq >"$log" 2>&1 &&
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$log" 2>&1; }; then
    rm -f "$log"
    return 0
  fi
  tail -n 5 "$log" >&2
  rm -f "$log"
  return 1
}
