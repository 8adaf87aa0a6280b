# Reads and writes .env. Its values are data: nothing here executes them. Sourced by install_docker.sh.
# shellcheck shell=bash

readonly PLACEHOLDER=change-me

dotenv_keys() { # FILE
  sed -nE 's/^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)[[:space:]]*=.*/\2/p' "$1"
}

# Prints the value as Docker Compose reads it: the last line of that key, without quotes or trailing comment.
dotenv_get() { # FILE KEY
  local value
  value=$(sed -nE "s/^[[:space:]]*(export[[:space:]]+)?$2[[:space:]]*=[[:space:]]*//p" "$1" | tail -n 1 | tr -d '\r')
  case $value in
    \"*) value=${value#\"} && value=${value%%\"*} ;;
    \'*) value=${value#\'} && value=${value%%\'*} ;;
    \#*) value='' ;;
    *) value=$(sed -E 's/[[:space:]]+#.*//; s/[[:space:]]+$//' <<<"$value") ;;
  esac
  printf '%s' "$value"
}

# Prints what .env says; where there is none yet, the environment; where that is silent, .env.example.
wanted() { # KEY
  if [[ -e .env ]]; then
    dotenv_get .env "$1"
  elif [[ -n ${!1-} ]]; then
    printf '%s' "${!1}"
  else
    dotenv_get .env.example "$1"
  fi
}

secret() { # BYTES
  head -c "$1" /dev/urandom | base64 | tr '+/' 'xy' | tr -d '=\n'
}

# Prints FILE with these values in their lines, or after its last one.
dotenv_with() { # FILE KEY=VALUE…
  local file=$1 line key new keys
  shift
  keys=" $(dotenv_keys "$file" | tr '\n' ' ')"
  while IFS= read -r line || [[ -n $line ]]; do
    key=${line%%=*}
    for new in "$@"; do
      [[ $key != "${new%%=*}" ]] || line=$new
    done
    printf '%s\n' "$line"
  done <"$file"
  for new in "$@"; do
    [[ $keys == *" ${new%%=*} "* ]] || printf '%s\n' "$new"
  done
}

# Whether .env says all of this already; a variable that it has not is empty.
dotenv_says() { # KEY=VALUE…
  local new
  for new in "$@"; do
    [[ $(dotenv_get .env "${new%%=*}") == "${new#*=}" ]] || return 1
  done
}

# Copies standard input, with a secret of its own in place of every placeholder.
fill_secrets() {
  local line
  while IFS= read -r line; do
    case $line in
      \#*) ;;
      *_PASSWORD="$PLACEHOLDER") line=${line%%=*}=$(secret 15) ;; # a person may have to type it
      *="$PLACEHOLDER") line=${line%%=*}=$(secret 48) ;;
    esac
    printf '%s\n' "$line"
  done
}

# Puts standard input in the place of .env in one move, readable by its owner alone from the first byte on.
replace_dotenv() {
  rm -f .env.new
  (umask 077 && cat >.env.new)
  mv .env.new .env
}

# Prints the ids that own files made in the checkout, on a server secrets/: with a rootless engine, root in a container is
# this person; on a server that root installs, the containers run as somebody else.
owner_ids() {
  if [[ $(docker info --format '{{.SecurityOptions}}') == *name=rootless* ]]; then
    printf 'HOST_UID=0 HOST_GID=0'
  elif is_server && ((EUID == 0)); then
    printf 'HOST_UID=1000 HOST_GID=1000'
  else
    printf 'HOST_UID=%s HOST_GID=%s' "$(id -u)" "$(id -g)"
  fi
}

# Prints how nginx joins the network of this machine's proxy (../proxy_pass/), where there is one and it is wanted. `none`,
# as well as `host` and `bridge`, are networks of Docker's own: the first means that the proxy is not.
proxy_settings() {
  [[ -e nginx/templates/local/proxy_pass.conf.template ]] || return 0 # a project without
  local network=${PROXY_NETWORK-}
  [[ -n $network || ! -e .env ]] || network=$(dotenv_get .env PROXY_NETWORK)
  network=${network:-proxy_pass}
  if [[ ! $network =~ ^(none|host|bridge)$ ]] && docker network inspect "$network" >/dev/null 2>&1; then
    printf 'PROXY_NETWORK=%s PROXY_PASS=true' "$network"
  else
    printf 'PROXY_NETWORK= PROXY_PASS='
  fi
}

# The step: makes .env, or keeps it and changes what was asked for.
write_dotenv() { # PROJECT PORT
  local owner proxy
  read -r -a owner <<<"$(owner_ids)"
  read -r -a proxy <<<"$(proxy_settings)"
  if [[ ! -e .env ]]; then
    dotenv_with .env.example "COMPOSE_PROJECT_NAME=$1" "DOMAIN=$1.local" "HTTP_PORT=$2" ${proxy[@]+"${proxy[@]}"} "${owner[@]}" |
      fill_secrets | replace_dotenv
  elif ! dotenv_says "HTTP_PORT=$2" ${proxy[@]+"${proxy[@]}"}; then
    dotenv_with .env "HTTP_PORT=$2" ${proxy[@]+"${proxy[@]}"} | replace_dotenv
  fi
  chmod 600 .env
}

# Compose prefers a variable of the shell to the same one in .env. From here on .env decides.
follow_dotenv() {
  local key
  unset COMPOSE_FILE
  for key in $(dotenv_keys .env.example); do
    if [[ -n ${!key+set} && ${!key} != "$(dotenv_get .env "$key")" && $key=${!key} != PROXY_NETWORK=none ]]; then
      printf '      Note: your shell sets %s too; the install follows .env. So that docker compose does: unset %s\n' \
        "$key" "$key"
    fi
    unset "$key"
  done
}
