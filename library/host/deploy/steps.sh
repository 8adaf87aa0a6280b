# The steps of a deploy; their output is in the log. Sourced by deploy.sh.
# shellcheck shell=bash

# What an interrupted deploy left is removed; then nginx is held to the web that serves: the next one gets no request
# before it is healthy.
hold_requests() {
  local serving
  write_secrets "$PROJECT"
  admit_passwords
  go_back
  mapfile -t serving < <(web_of "$OLD")
  ((${#serving[@]} == 0)) || route "${serving[@]}"
  [[ -z $ROLLBACK ]] || complete_images
}

get_images() {
  local services
  if [[ -n $PULL ]]; then
    [[ -n $(dotenv_get .env REGISTRY) ]] || complete_images
    mapfile -t services < <(own_services compose_next | awk '!seen[$2]++ {print $1}')
    compose_next pull --policy missing "${services[@]}"
  else
    compose_next build
  fi
  test_nginx
}

# A configuration that nginx would not start with is found before anything is replaced.
test_nginx() {
  compose_next run --rm --no-deps --no-TTY nginx nginx -t
}

# A restart is a deploy of the same images: what serves, and what comes, are told apart by their names.
name_images() {
  local part
  for part in $(parts); do
    ! has_image "$(image_of "$part" "$OLD")" || docker tag "$(image_of "$part" "$OLD")" "$(image_of "$part" "$NEW")"
  done
  test_nginx
}

back_up() {
  [[ -n $BACKUP ]] || { printf 'not asked for\n' && return; }
  ./google_storage.sh -b
}

# A lock that a long query holds is waited for so long: behind a migration that waits, every request would wait too.
migrate_with_care() {
  limit_database_role
  compose_next run --rm --no-deps --no-TTY --name "$(migration_container)" --env PGOPTIONS='-c lock_timeout=5s' \
    web python manage.py migrate --no-input
}

migration_container() {
  printf '%s-migration' "$PROJECT"
}

start_beside() {
  local existing wanted beside
  start_added || report_unhealthy
  keep_nginx
  wait_until_settled
  existing=$(containers_of web | wc -l) wanted=$(web_of "$OLD" | wc -l)
  compose_next up --detach --no-recreate --scale "web=$((existing + (wanted > 0 ? wanted : 1)))" web
  mapfile -t beside < <(web_besides "$OLD")
  wait_until_healthy "${beside[@]}"
}

# An nginx that did not change keeps its release's name too, so that nothing is to be replaced: port 443 belongs to one
# container at a time.
keep_nginx() {
  local running
  running=$(containers_of nginx | awk '{print $3; exit}')
  ! is_same_image "$(image_of nginx "$NEW")" "$running" || write_candidate "${running##*:}"
}

is_same_image() { # IMAGE IMAGE
  local content='{{json .RootFS.Layers}} {{json .Config}}'
  [[ $(docker image inspect --format "$content" "$1") == "$(docker image inspect --format "$content" "$2")" ]]
}

lead_to_new() {
  local nginx started=$SECONDS serving
  nginx=$(docker compose ps --quiet nginx)
  compose_next up --detach --no-deps --wait --wait-timeout "$WAIT" --timeout 5 nginx
  [[ $(docker compose ps --quiet nginx) == "$nginx" ]] ||
    printf 'nginx was replaced, and away for less than %d s\n' "$((SECONDS - started + 1))"
  mapfile -t serving < <(web_of "$NEW")
  route "${serving[@]}"
}

# Prints the services beside web and nginx that are of this release.
other_services() {
  local service image
  own_services compose_next | while read -r service image; do
    [[ $service == web || $service == nginx ]] || ! has_image "$image" || printf '%s\n' "$service"
  done
}

# Starts what the file names, is not built here and does not run: a service that a release or a team added, before the web
# that may need it. One that runs is left alone.
start_added() {
  local running service image prefix added=()
  prefix=$(image_prefix)
  running=" $(running_services | paste -s -d ' ' -) "
  while read -r service image; do
    [[ $running == *" $service "* || $image == "$prefix"* ]] || added+=("$service")
  done < <(services_and_images compose_next)
  ((${#added[@]} == 0)) || compose_next up --detach --no-recreate --wait --wait-timeout "$WAIT" "${added[@]}"
}

# A release that is older than one of the services has no image of it: it takes over the one that runs.
complete_images() {
  local part
  for part in $(parts); do
    has_image "$(image_of "$part" "$NEW")" || ! has_image "$(image_of "$part" "$OLD")" ||
      docker tag "$(image_of "$part" "$OLD")" "$(image_of "$part" "$NEW")"
  done
}

# The last step. After it has written .env, --rollback is the way back. The servers of passwords come last: before that, the old
# release may still have to go on, and may know none.
replace_the_others() {
  local others
  mapfile -t others < <(other_services)
  replace_services compose_next "${others[@]}" || report_unhealthy
  write_release
  go_back
  settle_passwords
  prune_images
  rm -f "$CANDIDATE"
}
