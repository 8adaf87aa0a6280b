# What is going to be done, and what there is at the end. Sourced by install_docker.sh.
# shellcheck shell=bash

show_plan() { # PROJECT PORT
  ! is_server || { show_server_plan "$@" && return; }
  local dotenv='is written, with secrets of its own' proxy
  proxy=$(proxy_settings)
  if [[ -e .env ]]; then
    dotenv='stays as it is'
    [[ $(dotenv_get .env HTTP_PORT) == "$2" ]] || dotenv="stays as it is, but for HTTP_PORT=$2"
    [[ $(dotenv_get .env PROXY_PASS) == "${proxy##*=}" ]] || dotenv+="; PROXY_PASS=${proxy##*=}"
    [[ -z $(find .env -perm -040 -o -perm -004) ]] || dotenv+='; others could read it, its mode becomes 0600'
  fi
  cat <<TEXT

  Folder    $ROOT
  Project   $1 (names its containers, volumes and images)
  Address   http://127.0.0.1:$2
  .env      $dotenv

TEXT
}

show_summary() { # PROJECT PORT USER_REPORT
  ! is_server || { show_server_summary "$3" && return; }
  local site="http://127.0.0.1:$2" password name="http://$1.localhost:$2"
  [[ -z $(dotenv_get .env PROXY_PASS) ]] || name=$(name_by_proxy "$1")
  password=$(dotenv_get .env DEFAULT_USER_PASSWORD)
  [[ $3 != *exists* ]] || password="as before: this user exists already and was not touched (.env says $password)"
  cat <<TEXT

$(wanted PROJECT_NAME) runs:

  Site      $site  (or $name)
  User      $(wanted DEFAULT_USER_EMAIL)
  Password  $password

  Tasks     $site/tasks/
  Mail      $site/mail/  (all mail the site sends is caught here)
  Admin     $site/admin/$(show_pages_of_services "$site")

Try next:

  docker compose logs --follow                         what the services say
  docker compose exec web python manage.py shell       any manage.py command
  docker compose stop                                  stop; the data stays
  docker compose up -d                                 start again$(show_backup_command)
  ./run_tests.sh                                       every test
TEXT
}

# Prints a line for each page that a service has, after the end of the line before.
show_pages_of_services() { # SITE
  pages_of_services | awk -v site="$1" \
    '{printf "\n  %-8s  %s%s", toupper(substr($1, 1, 1)) substr($1, 2), site, substr($0, length($1) + 2)}'
}

# A command that the project does not have is not offered.
show_backup_command() {
  [[ ! -e google_storage.sh ]] ||
    printf "\n  ./google_storage.sh --help                           backups, and production's data on this machine"
}

# Prints the project's name as this machine's proxy serves it, with the proxy's port.
name_by_proxy() { # PROJECT
  local port
  port=$(docker ps --filter "network=$(dotenv_get .env PROXY_NETWORK)" --filter label=com.docker.compose.service=proxy \
    --format '{{.Ports}}' | sed -nE 's/(.*[ ,])?127\.0\.0\.1:([0-9]+)->8080.*/\2/p' | head -n 1)
  if [[ -z $port ]]; then
    printf "http://%s.localhost, once this machine's proxy runs: library/host/proxy_pass/proxy_pass.sh start" "$1"
  else
    printf "http://%s.localhost%s, by this machine's proxy" "$1" "$([[ $port == 80 ]] || printf ':%s' "$port")"
  fi
}

report_interruption() { # [TITLE]
  printf '\n\nInterrupted%s. Nothing is lost.\n' "${1:+ during: $1}" >&2
  printf '  To go on: %s\n  To stop what is running already: docker compose stop\n' "$(this_command)" >&2
}
