# How each secret is rotated, step by step; their output is in the log. Sourced by rotate_secret.sh.
# shellcheck shell=bash

# Runs the next step.
act() { # TITLE COMMAND…
  STEP=$((STEP + 1))
  step "$STEP" "$@"
}

rotate_named_secret() {
  case $NAME in
    secret_key | postgres_password | default_user_password | dev_password | google_credentials) "rotate_$NAME" ;;
    *) if [[ -n $(list_of_secret "$NAME") ]]; then rotate_password_of_server; else rotate_another; fi ;;
  esac
}

rotate_secret_key() {
  act 'Let the next key be taken beside this one' learn
  act 'Restart what reads it' restart
  act 'Sign with the next' use_next
  act 'Restart what reads it' restart
  act 'Keep one earlier key' keep_lines 2
}

rotate_postgres_password() {
  act 'Let the next password be tried beside this one' learn
  act 'Restart what reads it' restart
  act 'Give PostgreSQL the next' use_next_in_postgres
  act 'Restart what reads it' restart
  act 'Forget the previous' forget_postgres_password
}

rotate_default_user_password() {
  act 'Put it into secrets/' move_next
  act "Give it to $(dotenv_get .env DEFAULT_USER_EMAIL)" reset_default_user
}

rotate_dev_password() {
  act 'Put it into secrets/' move_next
  act 'Replace what reads it' recreate_readers
}

rotate_google_credentials() {
  act 'Put it into secrets/' move_next
  [[ -z $(dotenv_get .env BACKUP_URL) || ! -e google_storage.sh ]] || act 'See whether it gets in' ./google_storage.sh -l
  act 'Replace what reads it' replace_readers
}

rotate_password_of_server() {
  act 'Let the server take the next beside this one' let_server_take_next
  act 'Put it into secrets/' move_next
  act 'Replace what reads it' replace_all_readers
  act 'Let the server take the next alone' settle_passwords
}

let_server_take_next() {
  add_passwords
  replace_servers
}

# Others than the release's, too: what still has the previous one would be refused.
replace_all_readers() {
  local others
  replace_readers
  mapfile -t others < <(readers_with_another "$NAME")
  ((${#others[@]} == 0)) || docker compose up --detach --no-deps --force-recreate --wait --wait-timeout "$WAIT" "${others[@]}"
}

# What needs no more than that its readers have it: given from elsewhere, or of the team's own.
rotate_another() {
  act 'Put it into secrets/' move_next
  act 'Replace what reads it' replace_readers
}

# nginx is not removed before the next one is made: its ports are not to be another's meanwhile.
recreate_readers() {
  local readers
  mapfile -t readers < <(readers_of "$NAME")
  ((${#readers[@]} > 0)) || return 0 # without a name it would be every service
  docker compose up --detach --force-recreate --wait --wait-timeout "$WAIT" "${readers[@]}"
}

replace_readers() {
  local readers
  mapfile -t readers < <(readers_of "$NAME")
  if is_one_of web "${readers[*]}"; then
    restart
  else
    replace_services compose_now "${readers[@]}"
  fi
}

forget_previous() {
  act 'Take the key alone that is used' keep_lines 1
  act 'Restart what reads it' restart
}

# From the change on PostgreSQL takes the next alone; everything that runs tries both. Quotes are doubled: that is SQL's way.
use_next_in_postgres() {
  local password
  use_next
  password=$(next)
  printf "ALTER ROLE CURRENT_USER PASSWORD '%s';\n" "${password//\'/\'\'}" | in_postgres ''
  # Its own address in place of its socket: there it asks for the password, as it asks everybody.
  # shellcheck disable=SC2016 # the variables are the container's
  { next && printf 'SELECT 1;\n'; } | in_postgres 'IFS= read -r PGPASSWORD; export PGPASSWORD PGHOST="$HOSTNAME"'
}

# Runs SQL from standard input as the database's owner.
in_postgres() { # PREPARATION
  docker compose exec --no-TTY "$(database_server)" sh -c "$1
    exec psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username=\"\$POSTGRES_USER\" --dbname=\"\$POSTGRES_DB\""
}

forget_postgres_password() {
  keep_lines 1
  rm -f "$BESIDE" # of a killed run it may belong to PostgreSQL's user already
  (umask 077 && next >"$BESIDE")
  give_postgres_its_secret "$BESIDE"
  mv -f "$BESIDE" "$POSTGRES_SECRET"
}

reset_default_user() {
  docker compose run --rm --no-deps --no-TTY web python manage.py create_default_user --reset-password
}

# What a step had begun to replace runs again, with the secret that is in force.
bring_back_what_runs() {
  local stale=()
  has_lines || mapfile -t stale < <(
    services_that_read_it
    services_with_another_secret
  )
  if is_one_of web "${stale[*]-}"; then
    restart
  else
    replace_services compose_now ${stale[@]+"${stale[@]}"}
  fi
  [[ -z $(list_of_secret "$NAME") ]] || settle_passwords
  start_what_is_down
}

# Prints the services that the rotation replaces itself: it may have begun to, and Docker goes on stopping what it has begun to.
# Where web is one of them, ./deploy.sh --restart replaces them all, and brings back what it was interrupted in.
services_that_read_it() {
  local readers
  readers=$(readers_of "$NAME")
  [[ -z $readers ]] || grep -qx web <<<"$readers" || printf '%s\n' "$readers"
}

# Prints the services that started while the file in secrets/ was another one.
services_with_another_secret() {
  local service id
  for service in $(running_services); do
    for id in $(docker compose ps --quiet "$service"); do
      ! has_secret "$id" || has_current_secret "$id" || printf '%s\n' "$service"
    done
  done
}

has_secret() { # CONTAINER
  docker inspect --format '{{range .Mounts}}{{.Destination}} {{end}}' "$1" | grep -qF "/run/secrets/$NAME "
}

# Whether the container has what the file says now. A file that is replaced stays, in what runs, the one before.
has_current_secret() { # CONTAINER
  docker exec "$1" cat "/run/secrets/$NAME" | cmp -s - "$CURRENT"
}

restart() {
  ./deploy.sh --restart --yes --wait "$WAIT"
}

# The script ends before the rotation did, whoever ended it.
leave_rotation() {
  local status=$? down
  ignore_signals
  rm -f "$BESIDE"
  if [[ -n $FORGET ]] || { has_lines && is_in_use; }; then
    printf '\nWhat is in secrets/ works; the rotation is not complete. To complete it: %s\n' "$(this_command)" >&2
  else
    [[ ! -e $PREVIOUS ]] || mv -f "$PREVIOUS" "$CURRENT" # without one, nothing was touched: the disk was full, perhaps
    rm -f "$NEXT"
    printf '\nThe previous %s is in force, as before.\n' "$NAME" >&2
  fi
  printf '\n== [%s] Bringing back what runs\n' "$(date '+%H:%M:%S')" >>"$LOG"
  undisturbed bring_back_what_runs
  mapfile -t down < <(services_down 2>>"$LOG")
  ((${#down[@]} == 0)) || report_down "${down[@]}" >&2
  ((status != 0)) || status=1
  exit "$status"
}
