# The steps of a deploy; their output is in the log. Sourced by deploy.sh.
# shellcheck shell=bash

# What an interrupted deploy left is removed; then nginx is held to the web that serves: the next one gets no request
# before it is healthy.
hold_requests() {
  local serving
  go_back
  mapfile -t serving < <(web_of "$OLD")
  ((${#serving[@]} == 0)) || route "${serving[@]}"
}

get_images() {
  if [[ -n $PULL ]]; then
    compose_next pull --policy missing web nginx cron
  else
    compose_next build
  fi
  # A configuration that nginx would not start with is found before anything is replaced.
  compose_next run --rm --no-deps --no-TTY nginx nginx -t
}

# A restart is a deploy of the same images: what serves, and what comes, are told apart by their names.
name_images() {
  local part
  for part in web nginx cron; do
    docker tag "$(image_of "$part" "$OLD")" "$(image_of "$part" "$NEW")"
  done
}

back_up() {
  [[ -n $BACKUP ]] || { printf 'not asked for\n' && return; }
  ./google_storage.sh -b
}

# A lock that a long query holds is waited for so long: behind a migration that waits, every request would wait too.
migrate_with_care() {
  compose_next run --rm --no-deps --no-TTY --name "$(migration_container)" --env PGOPTIONS='-c lock_timeout=5s' \
    web python manage.py migrate --no-input
}

migration_container() {
  printf '%s-migration' "$PROJECT"
}

start_beside() {
  local existing wanted beside
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

# The last step. After it has written .env, --rollback is the way back.
replace_the_others() {
  replace_services compose_next celery flower cron || report_unhealthy
  write_release
  go_back
  prune_images
  rm -f "$CANDIDATE"
}
