# The steps that act, each a few Docker Compose commands. Sourced by install_docker.sh.
# shellcheck shell=bash

# What is here already is not asked for again: with the images present, no registry is needed.
pull_images() {
  local services
  services=$(services_made_elsewhere)
  # shellcheck disable=SC2086 # names of services, several
  [[ -z $services ]] || docker compose pull --policy missing --ignore-buildable $services
}

# A configuration that nginx would not start with is found before anything is replaced.
build_images() {
  docker compose build
  ! is_server || docker compose run --rm --no-deps --no-TTY nginx nginx -t
}

start_databases() {
  local services
  services=$(needed_by_web)
  if is_server; then
    give_postgres_its_secret
    admit_passwords
    # One that lets in who has no password is not replaced before what has none.
    services=$(grep -vxF "$(servers_without_list)" <<<"$services") || services='' # none is left
  fi
  # shellcheck disable=SC2086 # names of services, several
  [[ -z $services ]] || docker compose up --detach --wait --wait-timeout 180 $services || report_unhealthy
  limit_database_role
}

migrate() {
  manage migrate --no-input
}

create_default_user() {
  manage create_default_user
}

# What web needs runs already.
manage() { # COMMAND [ARGUMENT…]
  docker compose run --rm --no-deps --no-TTY web python manage.py "$@"
}

start_everything() {
  make_mount_points
  docker compose up --detach --wait --wait-timeout 300 || report_unhealthy
  is_server || return 0
  publish_static_files docker compose
  settle_passwords
}

# Gives the application's static files to nginx, from a container of this Compose's release.
publish_static_files() { # COMPOSE…
  "$@" run --rm --no-deps --no-TTY --volume "$(dotenv_get .env COMPOSE_PROJECT_NAME)_static_files:/srv/static" \
    web python manage.py publish_static_files /srv/static
}

# Where a container mounts something inside the checkout, the engine would make the folder, as root.
make_mount_points() {
  is_server || [[ ! -d web/frontend ]] || mkdir -p web/frontend/node_modules
}

# Adds to the log what ails the services that did not come up. Fails, as they did.
report_unhealthy() {
  local service
  for service in $(unhealthy_services); do
    docker compose --ansi never logs --tail 20 "$service"
    printf 'not healthy: %s\n' "$service"
  done
  return 1
}

# Prints the services that have stopped, or whose healthcheck fails; one without a healthcheck need only run. The container
# that a `docker compose run` left behind is no service.
unhealthy_services() {
  docker compose ps --all --format '{{.Service}} {{.State}} {{.Health}} oneoff={{.Label "com.docker.compose.oneoff"}}' |
    awk '$NF != "oneoff=True" && ($2 != "running" || ($3 !~ /^oneoff=/ && $3 != "" && $3 != "healthy")) {print $1}'
}
