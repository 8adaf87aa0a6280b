#!/usr/bin/env bash
# Provides the base images that our Dockerfiles and Compose files name; see usage below.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=debian_host.sh
source debian_host.sh

readonly IMAGES=(python:3.14-slim node:24-slim postgres:18-trixie nginx:1.30 valkey/valkey:9 debian:forky-slim)
readonly DEBIAN=bedplate-base-images/debian:forky
readonly KEY_LABEL=bedplate.stand-in
readonly CERTIFICATES=/etc/ssl/certs/ca-certificates.crt

usage() {
  cat <<TEXT
Usage: template/base_images/build.sh [--force] [--help]

Provides these images: ${IMAGES[*]}
Each is pulled. Where no registry answers, a stand-in with the same contract is made from Debian's
packages (on Debian 12 or 13, as root), and made again when its recipe in this folder changes.
  --force  make every stand-in again, from the packages of today
TEXT
}

take_time() {
  local started=${SECONDS} what=$1
  shift
  "$@"
  say "${what} in $((SECONDS - started)) s"
}

# Runs a command silently; its output is shown when it fails.
quietly() {
  "$@" >"${SCRATCH}/log" 2>&1 || {
    tail --lines=40 "${SCRATCH}/log" >&2
    fail "this command failed: $*"
  }
}

# The folder of python:3.14-slim is python, of valkey/valkey:9 valkey.
folder_of() { basename "${1%:*}"; }

# The inputs of a stand-in, as one checksum: the recipe, and the data that it takes from this machine.
debian_key() { { printf '%s\n' "${MIRROR}" && cat debian.sh "${CERTIFICATES}"; } | sha256sum | cut --characters=1-16; }

key_of() {
  { debian_key && tar --create --sort=name --mtime=@0 --owner=0 --group=0 --directory="$1" .; } |
    sha256sum | cut --characters=1-16
}

# Prints the key an image was made with: nothing for one from a registry. Fails where the image is not there.
key_in() { docker image inspect --format "{{index .Config.Labels \"${KEY_LABEL}\"}}" "$1" 2>/dev/null; }

# Says whether an image is there and to be kept. One from a registry always is.
is_there() {
  local image=$1 key
  key=$(key_in "${image}") || return 1
  if [[ -z ${key} ]]; then
    say "${image} is there, from a registry"
  elif [[ -z ${FORCE} && ${key} == "$(key_of "$(folder_of "${image}")")" ]]; then
    say "${image} is there, a stand-in"
  else
    return 1
  fi
}

pull() {
  if timeout 900 docker pull --quiet "$1" >/dev/null 2>"${SCRATCH}/log"; then
    say "$1 pulled"
  else
    say "$1 cannot be pulled: $(tail --lines=1 "${SCRATCH}/log")"
    return 1
  fi
}

install_debootstrap() {
  if ! is_debian_root || [[ -z ${MIRROR} ]]; then
    fail "stand-ins are made on Debian 12 or 13, as root, from the mirror in apt's sources:" \
      "elsewhere, give the engine access to a registry"
  fi
  command -v debootstrap >/dev/null && return
  quietly apt-get update
  quietly apt-get install --yes --no-install-recommends debootstrap
}

make_debian() {
  local key variable changes=()
  key=$(debian_key)
  if [[ -z ${FORCE} && $(key_in "${DEBIAN}") == "${key}" ]]; then return; fi
  for variable in SSL_CERT_FILE PIP_CERT REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS; do
    changes+=(--change "ENV ${variable}=${CERTIFICATES}")
  done
  quietly ./debian.sh "${MIRROR}" "${SCRATCH}/debian.tar"
  quietly docker import "${changes[@]}" --change 'CMD ["bash"]' --change "LABEL ${KEY_LABEL}=${key}" \
    "${SCRATCH}/debian.tar" "${DEBIAN}"
}

make_stand_in() {
  local folder key
  folder=$(folder_of "$1")
  key=$(key_of "${folder}")
  quietly docker build --progress=plain ${FORCE:+--no-cache} --label "${KEY_LABEL}=${key}" --tag "$1" "${folder}"
}

make_stand_ins() {
  local image
  install_debootstrap
  take_time "Debian, which they are made from" make_debian
  for image in "$@"; do
    take_time "${image} stands in" make_stand_in "${image}"
  done
}

main() {
  local image missing=()
  case ${1:-} in
    --help | -h) usage && return ;;
    --force) FORCE=yes ;;
    '') FORCE='' ;;
    *) usage >&2 && return 2 ;;
  esac
  docker version >/dev/null 2>&1 || fail "no Docker engine answers: run template/base_images/engine.sh"
  MIRROR=$(debian_mirror) || MIRROR=''
  SCRATCH=$(mktemp -d)
  trap 'rm -rf "${SCRATCH}"' EXIT
  for image in "${IMAGES[@]}"; do
    is_there "${image}" || pull "${image}" || missing+=("${image}")
  done
  ((${#missing[@]} == 0)) || make_stand_ins "${missing[@]}"
}

main "$@"
