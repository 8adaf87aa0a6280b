#!/usr/bin/env bash
# Waits until cron opens a pipe and requests a PostgreSQL server. Creates one, and removes it when the pipe is closed
# (by the kernel, if cron is killed) or when the disk runs low. decision 18 (docs/adr)
#
# A request is a line:   RUN start
#                        RUN extensions NAME:SCHEMA…   (SCHEMA in hexadecimal)
# The answer is in the file `state`:   RUN starting | RUN ready | RUN extended | RUN refused: WHY | RUN ended: WHY
set -euo pipefail

readonly SHARED=/run/verifier CLUSTER=/var/lib/verifier/cluster
readonly RESERVE_MB=${RESERVE_MB:-1024} # the run ends before the disk has less
# Untrusted extensions that the superuser may create. None of them gives other roles access to files or programs.
readonly HARMLESS='amcheck autoinc bloom dblink earthdistance insert_username moddatetime pg_buffercache pg_freespacemap
  pg_prewarm pg_stat_statements pg_visibility pgrowlocks pgstattuple postgres_fdw refint sslinfo xml2'
read -ra EXTENSIONS -d '' <<<"${EXTENSIONS:-$HARMLESS}" || true # read fails at the end of the input
readonly EXTENSIONS
readonly DATABASE=restored ROLE=restorer
RUN='' SERVER='' PASSWORD=''

main() {
  umask 022
  previous=$(head --bytes=65 "$SHARED/state" 2>/dev/null) || previous=''
  clean_up
  if is_name "${previous%% *}"; then
    RUN=${previous%% *}
    report 'ended: The verifier was stopped meanwhile. Try again.'
    RUN=''
  fi
  rm --recursive --force "$SHARED/requests"
  mkfifo --mode=666 "$SHARED/requests"
  # One reader stays open while this process lives, also between two runs: without a reader, a client assumes that the verifier
  # ended. (Opening it for reading waits for a writer: the first line is one.)
  exec 3<>"$SHARED/requests"
  exec 4<"$SHARED/requests"
  exec 3<&-
  trap 'end_run "The verifier was stopped meanwhile. Try again."; exit' TERM
  while :; do
    exec 3<"$SHARED/requests" # waits until it is opened for writing
    answer_requests
    end_run ''
    exec 3<&-
  done
}

# Processes the requests, one per line, until all writers have closed the pipe. The time limit may expire in the middle of a line.
answer_requests() {
  local part line='' status
  while :; do
    status=0
    IFS= read -r -t 0.5 part <&3 || status=$?
    line+=$part
    if ((status == 0)); then
      process "$line"
      line=''
    elif ((status <= 128)); then # not the time limit, but the end
      return
    fi
    [[ -z $SERVER ]] || watch
  done
}

process() { # LINE
  local run verb rest
  read -r run verb rest <<<"$1"
  if is_name "$run" && [[ $verb == start ]]; then
    end_run ''
    RUN=$run
    begin_run
  elif [[ -n $SERVER && $run == "$RUN" && $verb == extensions ]]; then
    read -ra rest <<<"$rest"
    create_extensions "${rest[@]}"
  else
    printf 'refused a request\n' >&2
  fi
}

is_name() { # TEXT
  [[ $1 =~ ^[a-z0-9_-]{1,64}$ ]]
}

begin_run() {
  report starting
  clean_up
  if ! has_room; then
    end_run "$(disk_is_low)"
  elif make_cluster && start_server && create_role; then
    report ready
  else
    end_run 'The verifier could not start a server. See: docker compose logs verifier'
  fi
}

# Only this process knows the superuser's password.
make_cluster() {
  PASSWORD=$(head --bytes=24 /dev/urandom | base64)
  initdb --pgdata="$CLUSTER" --username=postgres --pwfile=<(printf '%s\n' "$PASSWORD") --auth=scram-sha-256 \
    --no-sync --no-data-checksums --no-instructions >/dev/null &&
    cat >"$CLUSTER/pg_hba.conf" <<TEXT &&
local all postgres scram-sha-256
local all $ROLE trust
TEXT
    cat >>"$CLUSTER/postgresql.conf" <<TEXT
listen_addresses = ''
unix_socket_directories = '$SHARED'
max_connections = 20
# The data need not survive a crash.
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
autovacuum = off
maintenance_work_mem = 128MB
# Errors go only to the client. In a log, they would show personal data.
log_min_messages = fatal
TEXT
}

start_server() {
  local limit=$((SECONDS + 60))
  postgres -D "$CLUSTER" 3<&- 4<&- &
  SERVER=$!
  until pg_isready --quiet --host="$SHARED"; do
    kill -0 "$SERVER" 2>/dev/null && ((SECONDS < limit)) || return 1
    sleep 0.05
  done
}

create_role() {
  execute postgres <<<"CREATE ROLE $ROLE LOGIN CREATEDB CREATEROLE BYPASSRLS"
}

# Runs in an empty database: no restored object can affect an extension while the superuser creates it.
create_extensions() { # NAME:SCHEMA…
  local item name schema
  for item in "$@"; do
    name=${item%%:*} schema=${item#*:}
    if ! [[ $item =~ ^[a-z0-9_-]{1,63}:([0-9a-f]{2}){1,63}$ ]]; then
      report 'refused: This is not the name of an extension.' && return
    elif [[ " ${EXTENSIONS[*]} " != *" $name "* ]]; then
      report "refused: Only a superuser may create the extension $name, and it is not on the list. If you trust it, add it to VERIFIER_EXTENSIONS in .env, then: docker compose up -d verifier"
      return
    fi
    printf -v schema '%b' "${schema//??/\\x&}"
    [[ $schema != pg_* && $schema != information_schema ]] || { report "refused: The extension $name may not be in a schema of PostgreSQL's own." && return; }
    if ! create_extension "$name" "$schema"; then
      report "refused: The extension $name could not be created. See: docker compose logs verifier" && return
    fi
  done
  report extended
}

create_extension() { # NAME SCHEMA
  execute "$DATABASE" --set="name=$1" --set="schema=$2" --set="role=$ROLE" <<'SQL'
SELECT :'schema' <> 'public' AS other \gset
\if :other
CREATE SCHEMA IF NOT EXISTS :"schema";
ALTER SCHEMA :"schema" OWNER TO :"role";
\endif
CREATE EXTENSION :"name" SCHEMA :"schema" CASCADE;
-- For its foreign servers, which cannot be reached from here.
SELECT format('GRANT USAGE ON FOREIGN DATA WRAPPER %I TO %I', fdwname, :'role') FROM pg_foreign_data_wrapper \gexec
SQL
}

execute() { # DATABASE OPTION… <SQL
  local database=$1
  shift
  PGPASSWORD=$PASSWORD psql --quiet --no-psqlrc --set=ON_ERROR_STOP=on --host="$SHARED" --username=postgres \
    --dbname="$database" "$@" >/dev/null
}

# Ends the run if its server has died, or if the disk has less than the reserve.
watch() {
  if ! kill -0 "$SERVER" 2>/dev/null; then
    end_run "The verifier's server ended by itself: out of memory, perhaps. See: docker compose logs verifier"
  elif ! has_room; then
    end_run "$(disk_is_low)"
  fi
}

has_room() {
  local free
  free=$(df --output=avail --block-size=1M "${CLUSTER%/*}" | tail --lines=1)
  ((free >= RESERVE_MB))
}

disk_is_low() {
  printf "The verifier's disk had less than %d MB left, the reserve (BACKUP_DISK_RESERVE_MB): the work was ended before the disk was full. Make room." "$RESERVE_MB"
}

# Ends the server, if one runs, and removes its files. First it writes the reason: the client reads it when the connection is lost.
end_run() { # WHY
  [[ -z $RUN || -z $1 ]] || report "ended: $1"
  if [[ -n $SERVER ]]; then
    kill -QUIT "$SERVER" 2>/dev/null || true # it may have ended by itself
    wait "$SERVER" || true                   # with the status of a server that was ended
  fi
  RUN='' SERVER=''
  clean_up
}

clean_up() {
  rm --recursive --force "$CLUSTER" "$SHARED"/.s.PGSQL.* /dev/shm/PostgreSQL.*
}

report() { # STATE
  printf '%s %s\n' "$RUN" "$1" >"$SHARED/state.new"
  mv --force "$SHARED/state.new" "$SHARED/state"
}

main "$@"
