#!/usr/bin/env bash
# Makes the database cluster on the first start, then becomes the server.
set -euo pipefail

fail() {
  printf 'entrypoint: %s\n' "$*" >&2
  exit 1
}

# Sets VAR from the file that VAR_FILE names, or to the given default.
take_secret() {
  local name=$1 file_name="$1_FILE"
  [[ -z ${!name:-} || -z ${!file_name:-} ]] || fail "set ${name} or ${file_name}, not both"
  [[ -z ${!file_name:-} ]] || printf -v "${name}" '%s' "$(<"${!file_name}")"
  [[ -n ${!name:-} ]] || printf -v "${name}" '%s' "$2"
  unset "${file_name}"
}

step_down() {
  install --directory --owner=postgres --group=postgres --mode=0700 "${PGDATA}"
  chown postgres:postgres /var/run/postgresql
  find "${PGDATA}" ! -user postgres -exec chown postgres {} +
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
}

check_password() {
  [[ -n ${POSTGRES_PASSWORD} || ${POSTGRES_HOST_AUTH_METHOD:-} == trust ]] ||
    fail "the database is empty and no password is given: set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE"
}

make_cluster() {
  local arguments
  read -ra arguments <<<"${POSTGRES_INITDB_ARGS:-}"
  initdb --username="${POSTGRES_USER}" --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD}") \
    ${POSTGRES_INITDB_WALDIR:+--waldir="${POSTGRES_INITDB_WALDIR}"} "${arguments[@]}"
  printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-$(postgres -C password_encryption)}" >>"${PGDATA}/pg_hba.conf"
}

query() { psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc --username "${POSTGRES_USER}" "$@"; }

make_database() {
  [[ ${POSTGRES_DB} != postgres ]] || return 0
  query --dbname postgres --set database="${POSTGRES_DB}" <<<'CREATE DATABASE :"database";'
}

run_first_start_files() {
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    case ${file} in
      *.sh)
        # shellcheck source=/dev/null
        if [[ -x ${file} ]]; then "${file}"; else source "${file}"; fi
        ;;
      *.sql) query --dbname "${POSTGRES_DB}" --file "${file}" ;;
      *.sql.gz) gunzip --stdout "${file}" | query --dbname "${POSTGRES_DB}" ;;
      *.sql.xz) xz --decompress --stdout "${file}" | query --dbname "${POSTGRES_DB}" ;;
      *.sql.zst) zstd --decompress --stdout "${file}" | query --dbname "${POSTGRES_DB}" ;;
    esac
  done
}

# Nobody can connect from outside before the first start is over.
first_start() {
  check_password
  make_cluster
  export PGHOST=/var/run/postgresql PGPASSWORD="${POSTGRES_PASSWORD}"
  pg_ctl --wait --options="-c listen_addresses='' -p 5432" start
  make_database
  run_first_start_files
  pg_ctl --wait --mode=fast stop
  unset PGHOST PGPASSWORD
}

main() {
  [[ ${1:-} != -* ]] || set -- postgres "$@"
  if [[ ${1:-} == postgres && " $* " != *" --help "* && " $* " != *" --version "* ]]; then
    [[ ${EUID} != 0 ]] || step_down "$@"
    install --directory --mode=0700 "${PGDATA}"
    take_secret POSTGRES_PASSWORD ""
    take_secret POSTGRES_USER postgres
    take_secret POSTGRES_DB "${POSTGRES_USER}"
    take_secret POSTGRES_INITDB_ARGS ""
    [[ -s ${PGDATA}/PG_VERSION ]] || first_start
  fi
  exec "$@"
}

main "$@"
