# shellcheck shell=bash
# Facts about the machine for engine.sh and build.sh; sourced, never run.

fail() {
  printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2
  exit 1
}

say() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*"; }

# Prints the value of one variable of /etc/os-release, an empty line if it is not set.
os_release() (
  # shellcheck source=/dev/null
  [[ ! -r /etc/os-release ]] || . /etc/os-release
  printf '%s\n' "${!1:-}"
)

is_debian_root() { [[ ${EUID} == 0 && $(os_release ID) == debian && $(os_release VERSION_ID) =~ ^1[23]$ ]]; }

# Prints the address this machine takes its Debian packages from, as apt reports it; fails without one.
debian_mirror() {
  local uri release codename
  codename=$(os_release VERSION_CODENAME)
  # shellcheck disable=SC2016 # apt-get expands these, not the shell
  while read -r uri release; do
    if [[ ${release} == "${codename}" ]]; then
      printf '%s\n' "${uri}"
      return
    fi
  done < <(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 2>/dev/null)
  return 1
}
