# PostgreSQL's roles: the application's owns its databases, and is no superuser. Sourced by install_docker.sh and deploy.sh.
# shellcheck shell=bash

# Gives the application's role no more rights than those of an owner, where it is the superuser that the image made: in a new
# database, and in one from before. What cannot be done is noted; the site works as before, and the next time tries again.
limit_database_role() {
  local server
  for server in $(database_services); do
    docker compose exec --no-TTY "$server" bash -s <library/postgres/roles.sh ||
      printf 'Note: PostgreSQL: not all was done. What it said is in %s\n' "$LOG"
  done
}

# Prints the services that are databases here: of those that the application waits for, the ones that are told a superuser.
database_services() {
  local needed
  needed=$(needed_by_web)
  services_and environment docker compose | awk -v needed=" ${needed//$'\n'/ } " \
    '$2 == "POSTGRES_USER" && index(needed, " " $1 " ") {print $1}'
}
