#!/usr/bin/env bash
# Writes a tar archive of a small Debian forky that trusts what this machine trusts.
# Usage: debian.sh MIRROR ARCHIVE, as root. build.sh calls it.
set -euo pipefail

readonly SUITE=forky
readonly MACHINE_CERTIFICATES=/etc/ssl/certs/ca-certificates.crt

# The whole work happens in one temporary folder; an interrupted debootstrap leaves mounts in it.
remove_folder() {
  local mount_point
  while read -r mount_point; do
    umount "${mount_point}"
  done < <(awk -v folder="$1/" 'index($2, folder) == 1 { print $2 }' /proc/mounts | sort --reverse)
  rm -rf --one-file-system "$1"
}

# What official slim images leave out as well. Without the last line, pip would refuse to install (PEP 668).
write_package_settings() {
  cat >"$1/etc/dpkg/dpkg.cfg.d/slim" <<'TEXT'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/lib/python3*/EXTERNALLY-MANAGED
TEXT
  # A mirror may be a frozen one, whose index has passed its date.
  cat >"$1/etc/apt/apt.conf.d/slim" <<'TEXT'
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
APT::Install-Recommends "false";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb"; };
TEXT
  printf 'deb %s %s main\n' "$2" "${SUITE}" >"$1/etc/apt/sources.list"
  printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
  chmod +x "$1/usr/sbin/policy-rc.d"
}

# The machine's bundle becomes one of the certificates that Debian's own bundle is made of,
# so it stays trusted when a Dockerfile installs ca-certificates again.
trust_what_the_machine_trusts() {
  install -D --mode=0644 "${MACHINE_CERTIFICATES}" "$1/usr/local/share/ca-certificates/machine.crt"
  chroot "$1" update-ca-certificates
}

strip() {
  find "$1/var/cache/apt" "$1/var/lib/apt/lists" "$1/var/log" "$1/usr/share/man" "$1/usr/share/info" \
    "$1/usr/share/locale" -type f -delete
  find "$1/usr/share/doc" -type f ! -name copyright -delete
}

main() {
  local folder mirror=$1 archive=$2
  folder=$(mktemp -d)
  # shellcheck disable=SC2064 # the folder of now is meant
  trap "remove_folder '${folder}'" EXIT
  trap 'exit 130' INT TERM HUP
  # `sid` is the script, which an older debootstrap has where it has none for forky.
  debootstrap --variant=minbase --include=ca-certificates "${SUITE}" "${folder}" "${mirror}" sid
  write_package_settings "${folder}" "${mirror}"
  trust_what_the_machine_trusts "${folder}"
  strip "${folder}"
  tar --create --file="${archive}" --one-file-system --directory="${folder}" .
}

main "$@"
