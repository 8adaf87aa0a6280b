# Checks before the proxy is installed; nothing is changed. Sourced by proxy_pass.sh.
# shellcheck shell=bash

# A network of that name which someone made by hand would let everyone on it out to the world.
check_shared_network() {
  local owner
  owner=$(docker network inspect --format '{{index .Labels "com.docker.compose.project"}}' "$NETWORK" 2>/dev/null) ||
    return 0
  [[ $owner == "$PROXY" ]] || refuse "there is a Docker network $NETWORK, and it is not the proxy's." \
    "See who uses it: docker network inspect $NETWORK; then remove it: docker network rm $NETWORK"
}

check_proxy_port() { # OPTION PORT
  local ours
  ours=$(docker ps --quiet --filter "label=com.docker.compose.project=$PROXY" --filter "publish=$2")
  [[ -n $ours ]] || ! port_taken "$2" || refuse "port $2 is taken by another program." \
    "Stop that program (on Linux, this names it: sudo ss -ltnp sport = :$2)," \
    "or take another port: library/host/proxy_pass/proxy_pass.sh install $1 $(next_free_port)"
}

check_certificate_tool() {
  command -v mkcert >/dev/null || command -v openssl >/dev/null || refuse 'there is nothing to make certificates with.' \
    'Install mkcert, which also makes browsers trust them: https://github.com/FiloSottile/mkcert' 'Or install openssl.'
}

# Docker removes no network that something is on, and what is stopped would not start again without it.
check_nothing_is_joined() {
  local project folder lines=()
  while read -r project folder; do
    lines+=("$project: cd '$folder' && PROXY_NETWORK=none ./install_docker.sh")
  done < <(joined_projects)
  ((${#lines[@]} == 0)) || refuse 'these projects are still joined to the proxy. Let them leave it first:' "${lines[@]}"
}
