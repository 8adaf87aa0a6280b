# Which services this environment has, and which of them run. Sourced by install_docker.sh, deploy.sh and rotate_secret.sh.
# shellcheck shell=bash

# Prints each service of the environment and its image, a line each. One that is built and names no image has Compose's name
# for it.
services_and_images() { # COMPOSE…
  "$@" config | awk -v project="$(dotenv_get .env COMPOSE_PROJECT_NAME)" '
    function finish() {if (service) print service, image; service = ""}
    /^[^ ]/ {finish(); in_services = $1 == "services:"}
    in_services && /^  [^ ]/ {finish(); service = $1; gsub(/[":]/, "", service); image = project "-" service}
    in_services && /^    image: / {image = $2; gsub(/"/, "", image)}
    END {finish()}'
}

# Prints what each service of the environment names below a key, a line each: `web postgres` for depends_on, `web secret_key`
# for secrets.
services_and() { # KEY COMPOSE…
  local key=$1
  shift
  "$@" config | awk -v key="$key:" '
    /^[^ ]/ {in_services = $1 == "services:"}
    in_services && /^  [^ ]/ {service = $1; gsub(/[":]/, "", service)}
    in_services && /^    [^ -]/ {inside = $1 == key}
    in_services && inside && /^      [^ -]/ {gsub(/[":]/, "", $1); print service, $1}
    in_services && inside && /^      - source: / {gsub(/"/, "", $3); print service, $3}'
}

# Prints the services that the application waits for: databases, and what a team added to its depends_on, but for what ends.
needed_by_web() {
  docker compose config | awk '
    /^[^ ]/ {in_services = $1 == "services:"}
    /^  [^ ]/ {in_web = in_services && $1 == "web:"; inside = 0}
    in_web && /^    [^ -]/ {inside = $1 == "depends_on:"}
    in_web && inside && /^      [^ -]/ {name = $1; gsub(/[":]/, "", name); names[++n] = name}
    in_web && inside && $1 == "condition:" && $2 == "service_completed_successfully" {n--}
    END {for (i = 1; i <= n; i++) print names[i]}'
}

# Prints the service that is the database: of those that read its password, the one that the application waits for.
database_server() {
  local reader needed
  needed=$(needed_by_web)
  for reader in $(readers_of postgres_server_password); do
    [[ $'\n'$needed$'\n' != *$'\n'$reader$'\n'* ]] || printf '%s\n' "$reader"
  done
}

# Prints the services that read this secret.
readers_of() { # SECRET
  services_and secrets docker compose | awk -v name="$1" '$2 == name {print $1}'
}

# Prints the services whose images are made elsewhere.
services_made_elsewhere() {
  services_and_images docker compose | awk -v prefix="$(image_prefix)" -v project="$(dotenv_get .env COMPOSE_PROJECT_NAME)-" \
    'index($2, prefix) != 1 && index($2, project) != 1 {print $1}'
}

# Prints the pages that services have beside the application's, by their label bedplate.page: `flower /flower/ (what it is)`.
pages_of_services() {
  docker compose config | awk '
    /^[^ ]/ {in_services = $1 == "services:"}
    in_services && /^  [^ ]/ {service = $1; gsub(/[":]/, "", service)}
    in_services && sub(/^      bedplate\.page: /, "") {print service, $0}'
}

# Prints the start of the names of the images that this project builds.
image_prefix() {
  printf '%s%s-' "$(dotenv_get .env REGISTRY)" "$(dotenv_get .env COMPOSE_PROJECT_NAME)"
}

has_image() { # IMAGE
  docker image inspect "$1" >/dev/null 2>&1
}

running_services() {
  docker compose ps --services --status running
}

# Prints the services that should run and do not. One whose image is not here is not expected to: it came with another
# release than the one that .env names.
services_down() {
  local running service image
  running=" $(running_services | paste -s -d ' ' -) "
  while read -r service image; do
    [[ $running == *" $service "* ]] || ! has_image "$image" || printf '%s\n' "$service"
  done < <(services_and_images docker compose)
}

# Starts these services as they are, and waits until they are healthy. (With --no-deps a container made here would count as
# changed for a later `docker compose up`.)
start_services() { # SERVICE…
  docker compose up --detach --no-recreate --wait --wait-timeout "${WAIT:-120}" "$@"
}

# Starts what should run and does not. Fails when something still does not run.
start_what_is_down() {
  local service down=()
  while IFS= read -r service; do down+=("$service"); done < <(services_down)
  ((${#down[@]} > 0)) || return 0
  printf 'not running: %s\n' "${down[*]}"
  start_services "${down[@]}"
}

# For the end of an install that failed or was interrupted: starts again those services that ran before it and do not now,
# and says which do not.
bring_back() { # SERVICE…
  local down
  down=$(missing_of "$@")
  [[ -n $down ]] || return 0
  printf '\nStarting again what ran before: %s … ' "$down" >&2
  printf '\n== [%s] Starting again what ran before\n' "$(date '+%H:%M:%S')" >>"$LOG"
  # shellcheck disable=SC2086 # names of services, several
  undisturbed start_again $down
  down=$(missing_of "$@")
  if [[ -z $down ]]; then
    printf 'done.\n' >&2
  else
    printf 'failed: see %s.\n' "$LOG" >&2
    # shellcheck disable=SC2086 # names of services, several
    report_down $down >&2
  fi
}

# Docker goes on stopping a container when the command that asked for it is interrupted: here it is waited for.
start_again() { # SERVICE…
  docker compose rm --stop --force "$@"
  start_services "$@"
}

# Prints those of the services that do not run, or that Compose was about to replace, on one line. Their new container is made
# before the old one is stopped.
missing_of() { # SERVICE…
  local running created service
  running=" $(running_services 2>>"$LOG" | paste -s -d ' ' -) "
  created=" $(docker compose ps --all --services --status created 2>>"$LOG" | paste -s -d ' ' -) "
  for service in "$@"; do
    [[ $running == *" $service "* && $created != *" $service "* ]] || printf '%s\n' "$service"
  done | paste -s -d ' ' -
}

# Says which services do not run, and what to type.
report_down() { # SERVICE…
  printf 'These services do not run: %s\n  To start them: docker compose up --detach --wait %s\n' "$*" "$*"
  printf '  If one does not start, its last lines say why: docker compose logs --tail 20 %s\n' "$*"
}

# Runs COMMAND to its end in a process group of its own: neither another Ctrl-C nor a closed terminal reaches it. Not to be
# called in a condition: there Bash does not stop COMMAND at its first failure.
undisturbed() { # COMMAND…
  local process status=0
  set -m
  (
    set -e
    "$@"
  ) >>"$LOG" 2>&1 </dev/null &
  process=$!
  set +m
  wait "$process" || status=$?
  return "$status"
}

# For the end of a script that failed or was interrupted: nothing that comes now ends it early.
ignore_signals() {
  trap - EXIT
  trap '' INT TERM HUP PIPE
  set +e
}

# Prints what was noted of the database: its role's rights; its indexes, if they are sorted in another way than its server sorts.
show_notes() {
  awk '
    /^Note: PostgreSQL/ {print "\n" $0}
    sub(/.*\(operations\.W001\) /, "") {print "\nNote: " $0; found = 1}
    END {if (found) print "Until its indexes are rebuilt, rows may not be found: library/docs/how-to/rebuild-indexes.md"}' "$LOG"
}
