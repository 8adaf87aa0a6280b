#!/usr/bin/env bash
# Provides a Docker engine with Compose on this machine; see usage below.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=debian_host.sh
source debian_host.sh

readonly LOG=/var/log/dockerd.log
readonly LIMIT_SECONDS=60
readonly MINIMUM_COMPOSE=2.24
# Bookworm's engine has no buildx and its Compose is version 1, so all come from here.
readonly SUITE=trixie

usage() {
  cat <<TEXT
Usage: template/base_images/engine.sh [--help]

Makes 'docker version', 'docker buildx' and 'docker compose' (${MINIMUM_COMPOSE} or newer) work.
Where they do already, it changes nothing. On Debian 12 or 13, as root, it installs
Debian's own packages of what is missing and starts the engine (log: ${LOG}).
Anywhere else it stops and says what to install.
TEXT
}

at_least() { printf '%s\n' "$1" "$2" | sort --version-sort --check=quiet; }

client_is_complete() {
  local compose
  docker buildx version >/dev/null 2>&1 || return 1
  compose=$(docker compose version --short 2>/dev/null) || return 1
  at_least "${MINIMUM_COMPOSE}" "${compose#v}"
}

engine_answers() { docker version >/dev/null 2>&1; }

# apt with the two suites side by side, for one command only: the machine's own sources stay as they are.
write_apt_sources() {
  local folder=$1 mirror=$2
  mkdir -p "${folder}/lists/partial"
  chmod 0755 "${folder}" # apt downloads as its own user
  printf 'deb %s %s main\n' "${mirror}" "$(os_release VERSION_CODENAME)" "${mirror}" "${SUITE}" | sort -u >"${folder}/suites.list"
  printf 'Package: *\nPin: release n=%s\nPin-Priority: 1\n' "${SUITE}" >"${folder}/low.pref"
}

missing_packages() {
  client_is_complete || printf '%s\n' docker-cli docker-compose docker-buildx
  engine_answers || command -v dockerd >/dev/null || printf '%s\n' docker.io
}

install_packages() {
  local mirror folder options
  mirror=$(debian_mirror) || fail "apt has no source for Debian $(os_release VERSION_CODENAME): add one, then run this again"
  folder=$(mktemp -d)
  # shellcheck disable=SC2064 # the folder of now is meant
  trap "rm -rf '${folder}'" EXIT
  write_apt_sources "${folder}" "${mirror}"
  options=(-qq -o "Dir::Etc::sourceparts=${folder}" -o Dir::Etc::sourcelist=/dev/null
    -o "Dir::Etc::preferencesparts=${folder}" -o "Dir::State::lists=${folder}/lists" -o Dpkg::Use-Pty=0)
  say "installing Debian's packages: $*"
  apt-get "${options[@]}" update
  DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" install --yes --no-install-recommends \
    ca-certificates iptables procps "${@/%//${SUITE}}" >/dev/null
}

# A killed daemon stays a zombie until init collects it: that one does not count.
runs() { pgrep --exact --runstates D,I,R,S "$1" >/dev/null; }

# A killed daemon leaves files that stop its successor: a pid that may be another process's by now,
# and a socket without a listener.
remove_stale_files() {
  runs containerd || rm -f /run/containerd/containerd.sock /run/docker/containerd/containerd.{pid,sock}
  rm -f /run/docker.pid
}

start_engine() {
  if [[ -d /run/systemd/system ]]; then
    systemctl start docker
  else
    remove_stale_files
    setsid --fork dockerd </dev/null >>"${LOG}" 2>&1
  fi
}

# Starts it inside the loop: a daemon that is on its way down when we look is replaced once it is gone.
bring_engine_up() {
  local deadline=$((SECONDS + LIMIT_SECONDS))
  say "starting dockerd (log: ${LOG})"
  until engine_answers; do
    runs dockerd || start_engine
    ((SECONDS < deadline)) ||
      fail "it did not answer within ${LIMIT_SECONDS} s: read the end of ${LOG}, or 'journalctl -u docker'"
    sleep 1
  done
}

install_what_is_missing() {
  local missing
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]} == 0)) || install_packages "${missing[@]}"
  client_is_complete || fail "'docker compose' or 'docker buildx' is still missing or too old:" \
    "$(command -v docker) may hide /usr/bin/docker, so put /usr/bin first in PATH"
}

main() {
  case ${1:-} in
    --help | -h) usage && return ;;
    '') ;;
    *) usage >&2 && return 2 ;;
  esac
  if ! client_is_complete || ! engine_answers; then
    if ! is_debian_root; then
      fail "no Docker engine answers, or Compose ${MINIMUM_COMPOSE} or buildx is missing: install and start Docker" \
        "(https://docs.docker.com/engine/install/), until 'docker version' and 'docker compose version' work for this user"
    fi
    install_what_is_missing
    bring_engine_up
  fi
  say "Docker $(docker version --format '{{.Server.Version}}') with Compose $(docker compose version --short) answers"
}

main "$@"
