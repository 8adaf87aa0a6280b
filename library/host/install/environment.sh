# Which environment this folder is: LOCAL, DEV or PROD. Sourced by install_docker.sh.
# shellcheck shell=bash

is_server() {
  [[ $ENVIRONMENT != local ]]
}

in_capitals() { # TEXT
  tr '[:lower:]' '[:upper:]' <<<"$1"
}

# Sets ENVIRONMENT: what .env says, else what was asked for, else LOCAL.
find_environment() { # ASKED
  local files
  ENVIRONMENT=${1:-local}
  [[ -e .env ]] || return 0
  files=$(dotenv_get .env COMPOSE_FILE)
  case ${files%%:*} in
    dev.yml) ENVIRONMENT=dev ;;
    prod.yml) ENVIRONMENT=prod ;;
    '' | docker-compose.yml) ENVIRONMENT=local ;;
    *) refuse "COMPOSE_FILE in .env is '$files': which environment is that?" \
      'Its first file must be prod.yml, dev.yml or docker-compose.yml, of this folder. Files of your own follow it,' \
      'in any folder: COMPOSE_FILE=prod.yml:ours/more.yml' ;;
  esac
  [[ ${1:-$ENVIRONMENT} == "$ENVIRONMENT" ]] || refuse \
    "this folder is $(in_capitals "$ENVIRONMENT") already (its .env says so), not $(in_capitals "$1")." \
    "Clone the project into a folder of its own for $(in_capitals "$1"). One machine can have both, with other names and ports."
}
