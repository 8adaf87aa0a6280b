# Checks of Docker on this machine; nothing is changed. Sourced by install_docker.sh.
# shellcheck shell=bash

check_docker() {
  check_client
  check_engine
  check_compose
  check_buildx
}

check_client() {
  local ways=('Install Docker Engine or Docker Desktop: https://docs.docker.com/get-started/get-docker/')
  [[ ! -e install_embedded.sh ]] || ways+=('Or run the project without Docker: ./install_embedded.sh')
  command -v docker >/dev/null || refuse 'Docker is not installed: there is no docker command.' "${ways[@]}"
}

check_engine() {
  local answer
  answer=$(docker version --format '{{.Server.Version}}' 2>&1) && return
  case $answer in
    *'permission denied'*)
      refuse 'you may not use the Docker engine.' \
        "Join the group that may, then log out and in again: sudo usermod -aG docker $(id -un)"
      ;;
    *'Cannot connect'* | *'connection refused'* | *'Is the docker daemon running'*)
      refuse 'the Docker engine is not running.' \
        'Start Docker Desktop, or on Linux: sudo systemctl start docker'
      ;;
    *) refuse 'the Docker engine does not answer as it should. Try: docker version' "It says: ${answer#$'\n'}" ;;
  esac
}

# Compose 2.26 is the oldest that can: services.yml needs `extends` to carry `depends_on` over, which
# 2.24.6 to 2.25 refuse and 2.32 forgets (github.com/docker/compose/issues/11544 and 12402).
check_compose() {
  local version link='How to: https://docs.docker.com/compose/install/linux/'
  if ! version=$(docker compose version --short 2>/dev/null); then
    ! command -v docker-compose >/dev/null || refuse \
      "only the separate docker-compose command is here ($(docker-compose version --short 2>/dev/null)), not Compose v2." \
      'Compose v1 ended in 2023. Install the plugin for "docker compose" (two words).' "$link"
    refuse 'Docker Compose is not installed: docker compose version fails.' \
      'Install the plugin docker-compose-plugin, or Docker Desktop, which brings it.' "$link"
  fi
  at_least 2.26 "$version" || refuse "Docker Compose $version is too old: 2.26 or newer is needed." \
    'Older ones cannot extend a service that depends on another, as services.yml does.' "$link"
  [[ ${version#v} != 2.32.* ]] || refuse "Docker Compose $version forgets depends_on in extended services." \
    'This is a bug of 2.32 alone: install 2.33 or newer.' "$link"
}

# Compose before 2.40 builds by itself; later ones call the buildx plugin (github.com/docker/compose/pull/13295).
check_buildx() {
  local version
  at_least 2.40 "$(docker compose version --short)" || return 0
  version=$(docker buildx version 2>/dev/null | awk '{print $2}') || version=''
  at_least 0.17 "${version:-0.0}" || refuse "this Compose needs buildx 0.17 or newer to build; found: ${version:-none}." \
    'Install the package docker-buildx-plugin: https://docs.docker.com/build/install-buildx/'
}

# Whether VERSION (v2.26.1-4) is MINIMUM (2.26) or newer: major and minor count.
at_least() { # MINIMUM VERSION
  local major minor
  IFS=. read -r major minor _ <<<"${2#v}"
  major=${major%%[!0-9]*} minor=${minor%%[!0-9]*}
  ((${major:-0} > ${1%.*} || (${major:-0} == ${1%.*} && ${minor:-0} >= ${1#*.})))
}
