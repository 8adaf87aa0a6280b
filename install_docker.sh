#!/usr/bin/env bash
# From a clone to the running stack. `./install_docker.sh --help` tells what it does.
set -euo pipefail
export LC_ALL=C # a-z means these letters; what commands say can be recognised

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
readonly ROOT
readonly LOG="$ROOT/install_docker.log"

# shellcheck source-path=SCRIPTDIR
source "$ROOT/library/host/install/terminal.sh"
source "$ROOT/library/host/install/dotenv.sh"
source "$ROOT/library/host/install/environment.sh"
source "$ROOT/library/host/install/server.sh"
source "$ROOT/library/host/install/secrets.sh"
source "$ROOT/library/host/install/passwords.sh"
source "$ROOT/library/host/install/roles.sh"
source "$ROOT/library/host/install/check_docker.sh"
source "$ROOT/library/host/install/lock.sh"
source "$ROOT/library/host/install/check_project.sh"
source "$ROOT/library/host/install/check_server.sh"
source "$ROOT/library/host/install/stack.sh"
source "$ROOT/library/host/install/services.sh"
source "$ROOT/library/host/install/certificate.sh"
source "$ROOT/library/host/install/explain.sh"
source "$ROOT/library/host/install/report.sh"
source "$ROOT/library/host/install/report_server.sh"

usage() {
  cat <<'TEXT'
Usage: ./install_docker.sh [--yes] [--port N]
       ./install_docker.sh --environment dev|prod [--domain NAME] [--admin-email MAIL] [--yes] [--port N] [--https-port N]

Builds and starts this project on this machine, with Docker: LOCAL, or on a server DEV or PROD.

First it checks, and changes nothing: Docker and Compose, this folder, .env, secrets, ports, the disk.
Then it
  writes .env (secrets of its own, readable by you alone; DEV and PROD: in secrets/), unless there is one,
  pulls and builds the images,
  starts PostgreSQL and Valkey, migrates the database, makes the default user,
  starts everything and waits until every service is healthy,
  DEV and PROD: asks for a certificate, if the domain leads to a public address.

Run it again whenever you like, after an interruption too: it keeps .env and all data.

Options:
  --environment E     local (as without it), dev or prod; a folder keeps the one that it was installed as
  --domain NAME       DEV and PROD: the site's name; asked for when not given
  --admin-email MAIL  DEV and PROD: the first user, who also gets mail about errors; asked for when not given
  --port N            LOCAL: the site's port on 127.0.0.1 (8000); DEV and PROD: HTTP's (80)
  --https-port N      DEV and PROD: HTTPS's (443)
  --new-database      after COMPOSE_PROJECT_NAME was changed in .env: begin with an empty database under the new name;
                      the data under the earlier one stay
  --yes               do not ask before acting; without a terminal nothing is asked either
  --help              this text

What is given goes into an existing .env, too.

Environment, read when .env is written:
  COMPOSE_PROJECT_NAME   names containers, volumes and images: for a second copy on one machine
  HTTP_PORT              as --port; DOMAIN, ADMIN_EMAIL and HTTPS_PORT as their options
  BIND_ADDRESS           DEV and PROD: the address of this machine that they listen on (0.0.0.0: all)
  BACKUP_URL             DEV and PROD: where backups are
  ACME_SERVER            DEV and PROD: who issues the certificate (letsencrypt, staging, off, an address)

What it did, command by command, is in install_docker.log.
Exit status: 0 running, 1 something failed (and is explained), 2 wrong options, 130 interrupted.
TEXT
}

wrong_usage() {
  printf '%s\n\n' "$1" >&2
  usage >&2
  exit 2
}

main() {
  local assume_yes=no port_option='' environment_option=''
  ASKED=() NEW_DATABASE=''
  while (($#)); do
    case $1 in
      --help | -h) usage && exit ;;
      --yes | -y) assume_yes=yes ;;
      --new-database) NEW_DATABASE=yes ;;
      --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" && continue ;;
      --port)
        is_port "${2-}" || wrong_usage "--port needs a number from 1 to 65535, not '${2-}'."
        port_option=$2
        shift
        ;;
      --https-port)
        is_port "${2-}" || wrong_usage "--https-port needs a number from 1 to 65535, not '${2-}'."
        ASKED+=("HTTPS_PORT=$2")
        shift
        ;;
      --environment)
        [[ ${2-} =~ ^(local|dev|prod)$ ]] || wrong_usage "--environment is local, dev or prod, not '${2-}'."
        environment_option=$2
        shift
        ;;
      --domain | --admin-email)
        [[ -n ${2-} ]] || wrong_usage "$1 needs a value."
        ASKED+=("$(variable_of "$1")=$2")
        shift
        ;;
      *) wrong_usage "Unknown option: $1" ;;
    esac
    shift
  done
  cd "$ROOT"
  find_environment "$environment_option"
  is_server || ((${#ASKED[@]} == 0)) || wrong_usage "${ASKED[0]%%=*} is for servers: add --environment dev or prod."
  install_project "$assume_yes" "$port_option"
}

variable_of() { # OPTION
  if [[ $1 == --domain ]]; then printf DOMAIN; else printf ADMIN_EMAIL; fi
}

install_project() { # ASSUME_YES PORT_OPTION
  local project port steps=8 running=''
  ask_about_server
  catch_interruptions
  ! asks_for_certificate || steps=9

  # Check: nothing is changed yet.
  begin_step "1/$steps" "Check (nothing is changed yet)"
  check_docker
  lock_project
  check_owner
  check_dotenv
  project=$(wanted COMPOSE_PROJECT_NAME)
  port=${2:-$(default_http_port)}
  check_names "$project" "$port"
  check_server
  check_other_folders "$project"
  check_database_volume "$project"
  check_earlier_name "$project"
  check_port "$project" "$port"
  ! is_server || check_port "$project" "$(going_to_be HTTPS_PORT)" --https-port
  check_disk "$project"
  end_step "$SECONDS"
  show_plan "$project" "$port"
  [[ $1 == yes ]] || confirm

  # Act. A step that fails stops here, and says why.
  start_log
  if is_server; then
    step "2/$steps" "Write secrets/ and .env" write_server_configuration "$project" "$port"
  else
    step "2/$steps" "Write .env" write_dotenv "$project" "$port"
    note_name "$project"
  fi
  follow_dotenv
  running=$(running_services | paste -s -d ' ' -)
  # shellcheck disable=SC2064 # what runs now
  trap "leave_install $running" EXIT
  step "3/$steps" "Pull the images" pull_images
  step "4/$steps" "Build the images" build_images
  step "5/$steps" "Start PostgreSQL and Valkey" start_databases
  step "6/$steps" "Migrate the database" migrate
  step "7/$steps" "Make the default user" create_default_user
  local user_report
  user_report=$(tail -n 1 "$LOG")
  step "8/$steps" "Start everything" start_everything
  ! asks_for_certificate || step "9/$steps" "Ask for a certificate" ask_for_certificate
  trap - EXIT
  show_summary "$project" "$port" "$user_report"
  show_notes
}

# However it ends: what ran before it runs after it.
leave_install() { # SERVICE…
  local status=$?
  ignore_signals
  (($# == 0)) || bring_back "$@"
  exit "$status"
}

main "$@"
