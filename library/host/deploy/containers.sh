# The containers of both releases, and who of them gets requests. Sourced by deploy.sh.
# shellcheck shell=bash

# Docker Compose as .env says: the release that serves.
compose_now() {
  docker compose "$@"
}

# Docker Compose as .env is going to say.
compose_next() {
  DOTENV=$CANDIDATE docker compose --env-file "$CANDIDATE" "$@"
}

# Prints id, name, image and state of a service's containers, a line each. Those of `docker compose run` are none of it.
containers_of() { # SERVICE
  local containers
  mapfile -t containers < <(docker compose ps --all --quiet "$1")
  ((${#containers[@]} == 0)) || docker inspect --format \
    '{{.Id}} {{slice .Name 1}} {{.Config.Image}} {{.State.Status}} {{index .Config.Labels "com.docker.compose.oneoff"}}' \
    "${containers[@]}" | awk '$5 != "True" {print $1, $2, $3, $4}'
}

# Prints the names of a service's containers that are of another image, in whatever state.
containers_besides() { # SERVICE IMAGE
  containers_of "$1" | awk -v image="$2" '$3 != image {print $2}'
}

# Prints the names of the containers of web that run this release.
web_of() { # RELEASE
  containers_of web | awk -v image="$(image_of web "$1")" '$3 == image && $4 == "running" {print $2}'
}

# Prints the names of the containers of web that are of another release, in whatever state.
web_besides() { # RELEASE
  containers_besides web "$(image_of web "$1")"
}

# Prints the services whose images belong to a release, and their images, a line each.
own_services() { # COMPOSE
  services_and_images "$1" | awk -v prefix="$(image_prefix)" 'index($2, prefix) == 1'
}

# Prints the parts of a release: web, nginx, cron, and what a team added.
parts() {
  local prefix releases
  prefix=$(image_prefix)
  releases=" $(dotenv_get .env RELEASE) $(dotenv_get .env NGINX_RELEASE) "
  own_services compose_now | awk -v prefix="$prefix" -v releases="$releases" '
    {part = tag = substr($2, length(prefix) + 1)}
    sub(/^.*:/, "", tag) && index(releases, " " tag " ") && sub(/:[^:]*$/, "", part) && !seen[part]++ {print part}'
}

# Lets nginx ask these containers alone; without names, whatever is called web.
route() { # [CONTAINER…]
  docker compose exec --no-TTY nginx route "$@"
}

# Waits until nginx asks nobody else any more. A WebSocket may stay open for ever: then it is cut off.
wait_until_settled() {
  local limit=$((SECONDS + 30))
  until route --settled; do
    ((SECONDS < limit)) || { printf 'Connections that are older than the new route stay open.\n' && return; }
    sleep 0.2
  done
}

wait_until_healthy() { # CONTAINER…
  local limit=$((SECONDS + WAIT)) container state
  for container in "$@"; do
    while state=$(health_of "$container") && [[ $state != healthy ]]; do
      [[ $state == starting ]] && ((SECONDS < limit)) || report_not_healthy "$container" "$state" || return
      sleep 0.2
    done
  done
}

# Prints healthy, starting, or what is wrong.
health_of() { # CONTAINER
  docker inspect --format '{{if .RestartCount}}crashed{{else if ne .State.Status "running"}}{{.State.Status}}{{else}}{{.State.Health.Status}}{{end}}' "$1"
}

report_not_healthy() { # CONTAINER STATE
  docker logs --tail 20 "$1"
  printf '%s within %d s: %s\nnot healthy: web\n' "$1" "$WAIT" "$2"
  return 1
}

# Replaces the containers of these services, and touches no other: not with --no-deps, which a later `docker compose up`
# would take for a change (it leaves depends_on out of what is compared).
replace_services() { # COMPOSE SERVICE… (COMPOSE is compose_now or compose_next)
  local compose=$1
  shift
  (($# > 0)) || return 0 # without a name it would be all of them
  "$compose" rm --stop --force "$@"
  "$compose" up --detach --no-recreate --wait --wait-timeout "$WAIT" "$@"
}
