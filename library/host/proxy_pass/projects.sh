# Which projects there are, and which of them the proxy reaches. Sourced by proxy_pass.sh.
# shellcheck shell=bash

# The project that this script came with.
own_project() {
  (cd "$ROOT" && wanted COMPOSE_PROJECT_NAME)
}

# The projects whose nginx is on the shared network now.
reached_projects() {
  docker ps --filter "network=$NETWORK" --format '{{.Label "com.docker.compose.project"}}' |
    awk -v proxy="$PROXY" '$1 != proxy' | sort -u
}

# Prints the projects that are on the shared network, running or not, each with its folder.
joined_projects() {
  docker ps --all --filter "network=$NETWORK" --format \
    '{{.Label "com.docker.compose.project"}} {{.Label "com.docker.compose.project.working_dir"}}' |
    awk -v proxy="$PROXY" '$1 != proxy' | sort -u
}

show_status() {
  local project reached=''
  printf 'The proxy runs. Projects it reaches:\n\n'
  for project in $(reached_projects); do
    printf '  %s\n' "$(address http PROXY_HTTP_PORT 80 "$project")"
    [[ -z $(setting PROXY_HTTPS) ]] || printf '  %s\n' "$(address https PROXY_HTTPS_PORT 443 "$project")"
    reached=yes
  done
  [[ -n $reached ]] || printf '  none\n'
  show_others
}

address() { # SCHEME KEY USUAL PROJECT
  local port
  port=$(setting "$2")
  printf '%s://%s.localhost%s' "$1" "$4" "$([[ $port == "$3" ]] || printf ':%s' "$port")"
}

# Projects of this kind that run without the proxy: they have a network of that name for themselves.
show_others() {
  local folder
  docker ps --filter label=com.docker.compose.service=nginx --format \
    '{{.Networks}} {{.Label "com.docker.compose.project"}} {{.Label "com.docker.compose.project.working_dir"}}' |
    while read -r networks project folder; do
      [[ ",$networks," == *",${project}_proxy_pass,"* ]] || continue
      printf "\n%s runs, but does not know of the proxy yet. To join it: cd '%s' && ./install_docker.sh\n" \
        "$project" "$folder"
    done
  printf '\n'
}
