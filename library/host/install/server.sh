# DEV and PROD: the domain, the secrets. Sourced by install_docker.sh.
# shellcheck shell=bash

# What PostgreSQL's own user reads.
readonly POSTGRES_SECRET=secrets/postgres_server_password

# The command that goes on from here, whatever is written by then.
this_command() {
  printf './install_docker.sh'
  ! is_server || printf ' --environment %s' "$ENVIRONMENT"
}

# Adds to ASKED what a server needs to be told once. Where nobody can be asked, options are the way.
ask_about_server() {
  is_server && [[ ! -e .env ]] || return 0
  ask DOMAIN --domain 'Domain of the site, such as www.example.com'
  ask ADMIN_EMAIL --admin-email 'Your e-mail address: for the first user, and for mail about errors'
}

ask() { # KEY OPTION QUESTION
  local answer=''
  ! asked "$1" >/dev/null || return 0
  answer=${!1-}
  if [[ -z $answer && -t 0 && -t 1 ]]; then
    read -r -p "$3: " answer || answer=''
  fi
  [[ -n $answer ]] || refuse "a server needs $2." "Give it: $(this_command) --domain www.example.com --admin-email you@example.com"
  ASKED+=("$1=$answer")
}

# Prints what was asked for last, by an option or a question; fails when nothing was.
asked() { # KEY
  local pair value='' status=1
  for pair in ${ASKED[@]+"${ASKED[@]}"}; do
    [[ $pair != "$1="* ]] || { value=${pair#*=} && status=0; }
  done
  printf '%s' "$value"
  return "$status"
}

# Prints the value that .env is going to have.
going_to_be() { # KEY
  asked "$1" || wanted "$1"
}

default_http_port() {
  if is_server && [[ ! -e .env && -z ${HTTP_PORT-} ]]; then
    printf 80
  else
    wanted HTTP_PORT
  fi
}

# The step: makes secrets/ and .env, or keeps them and changes what was asked for.
write_server_configuration() { # PROJECT PORT
  local asked=("HTTP_PORT=$2" ${ASKED[@]+"${ASKED[@]}"}) values=() value owner
  write_secrets "$1"
  close_secrets
  if [[ ! -e .env ]]; then
    read -r -a owner <<<"$(owner_ids)"
    while IFS= read -r value; do values+=("$value"); done < <(server_values)
    dotenv_with .env.example "COMPOSE_PROJECT_NAME=$1" "HTTP_PORT=$2" "${owner[@]}" "${values[@]}" |
      as_server_dotenv | replace_dotenv
  elif ! dotenv_says "${asked[@]}"; then
    dotenv_with .env "${asked[@]}" | replace_dotenv
  fi
  chmod 600 .env
}

# Prints the lines of a server's .env that differ from .env.example.
server_values() {
  local domain mail
  domain=$(going_to_be DOMAIN) mail=$(going_to_be ADMIN_EMAIL)
  printf '%s\n' "DOMAIN=$domain" "ADMIN_EMAIL=$mail" "DEFAULT_USER_EMAIL=$mail" "DEFAULT_FROM_EMAIL=noreply@$domain" \
    "HTTPS_PORT=$(going_to_be HTTPS_PORT)" "BIND_ADDRESS=$(wanted BIND_ADDRESS)" "BACKUP_URL=$(wanted BACKUP_URL)" \
    "ACME_SERVER=$(wanted ACME_SERVER)"
}

# Copies standard input, where secrets are named but not given, and says which file Compose reads.
as_server_dotenv() {
  sed -E "s|^([A-Z_]+)=$PLACEHOLDER\$|# $ENVIRONMENT.yml: the file in secrets/ of the same name|"
  printf '\n# Which environment this folder is: docker compose needs no --file here.\nCOMPOSE_FILE=%s.yml\n' "$ENVIRONMENT"
}

# Root gives its files to who the containers run as; PostgreSQL's own file belongs to another user already, perhaps, and servers
# of other users read hashes.
close_secrets() {
  local file
  chmod 700 secrets
  for file in secrets/*; do
    [[ -f $file && ! -L $file ]] || continue
    is_derived "${file##*/}" || close_secret "$file"
  done
}

close_secret() { # FILE
  chmod 600 "$1"
  ((EUID != 0)) || chown "$(container_owner)" "$1"
}

# Prints who the application's containers run as, as chown takes it.
container_owner() {
  local owner
  read -r -a owner <<<"$(owner_ids)"
  printf '%s:%s' "${owner[0]#*=}" "${owner[1]#*=}"
}

# Gives PostgreSQL's file to PostgreSQL's user. Root alone may; in a container everybody who may use Docker is. A database that
# is elsewhere needs none.
give_postgres_its_secret() { # [FILE]
  local service
  service=$(database_server)
  [[ -n $service ]] || return 0
  docker compose run --rm --no-deps --no-TTY --user 0:0 --cap-add CHOWN --entrypoint chown \
    --volume "$ROOT/${1:-$POSTGRES_SECRET}:/secret" "$service" 999:999 /secret
}
