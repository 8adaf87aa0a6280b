# Checks of this folder, its .env, its database, the port and the disk; nothing is changed. Sourced by install_docker.sh.
# shellcheck shell=bash

readonly INSTALLED_AS=.installed_as # the project's name, of the last install: what is in .env may have been changed
readonly GIGABYTE=1048576           # in the 1024-byte blocks that df counts

# One install, deploy, rotation or restore of a checkout at a time. The kernel ends the lock with the last process that holds
# it, a step's included.
lock_project() {
  take_lock || refuse 'another install, deploy, rotation or restore of this project is running.' \
    'Wait until it ends and run this again. (One that was killed may still be ending its last step.)'
}

check_owner() {
  local path
  for path in "$ROOT" "$ROOT/web" "$ROOT/.env"; do
    [[ ! -e $path || -O $path ]] || refuse "$path belongs to someone else; you are $(id -un)." \
      "Run this as its owner, or make the folder yours: sudo chown -R $(id -un) '$ROOT'"
  done
}

check_dotenv() {
  [[ -e .env ]] || return 0
  [[ -r .env ]] || refuse 'you may not read .env.' 'Make it readable for you: chmod 600 .env'
  check_filled
  check_host_ids
  check_time_zone
}

# Django and cron refuse to start with a zone that there is not. tzdata.zi has those names, too, that some systems leave out.
check_time_zone() {
  local zone zones=${TZDIR:-/usr/share/zoneinfo}
  zone=$(dotenv_get .env TIME_ZONE)
  if [[ $zone =~ ^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$ ]]; then
    [[ -d $zones && ! -f $zones/$zone ]] || return 0 # a system without a list knows no better
    ! grep -qsE "^(Z $zone|L [^ ]+ $zone)( |\$)" "$zones/tzdata.zi" || return 0
  fi
  refuse "TIME_ZONE in .env is '$zone': there is no such time zone." \
    'Give its name as in https://en.wikipedia.org/wiki/List_of_tz_database_time_zones, for example Europe/Zurich.'
}

# What the install would have filled in must be there, and be more than the placeholder.
check_filled() {
  local key lines=()
  for key in COMPOSE_PROJECT_NAME HTTP_PORT HOST_UID HOST_GID $(further_keys); do
    case $(dotenv_get .env "$key") in
      '') lines+=("$key is missing or empty") ;;
      *"$PLACEHOLDER"*) lines+=("$key still holds the placeholder $PLACEHOLDER") ;;
    esac
  done
  ((${#lines[@]} == 0)) || refuse '.env is not complete:' "${lines[@]}" \
    'Fill them in; .env.example says what each is. For a secret, this prints a good one: openssl rand -hex 32'
}

# A server has its secrets in files: see check_secrets.
further_keys() {
  if is_server; then printf 'HTTPS_PORT DOMAIN ADMIN_EMAIL'; else secret_keys; fi
}

secret_keys() {
  sed -nE "s/^([A-Z_]+)=$PLACEHOLDER\$/\\1/p" .env.example
}

check_host_ids() {
  local pair
  for pair in $(owner_ids); do
    [[ $(dotenv_get .env "${pair%%=*}") == "${pair#*=}" ]] || refuse \
      "${pair%%=*} in .env is $(dotenv_get .env "${pair%%=*}"), which is not you: containers could not write here." \
      "Set it in .env: $pair"
  done
}

is_port() { # TEXT
  [[ $1 =~ ^[1-9][0-9]{0,4}$ ]] && (($1 <= 65535))
}

check_names() { # PROJECT PORT
  [[ $1 =~ ^[a-z0-9][a-z0-9-]*$ ]] || refuse "COMPOSE_PROJECT_NAME is '$1'." \
    'It names containers and the address: lower-case letters, digits and hyphens only.'
  is_port "$2" || refuse "HTTP_PORT is '$2', not a port." 'Give a number from 1 to 65535.'
}

# Two folders under one project name would share containers and database.
check_other_folders() { # PROJECT
  local folder
  while IFS= read -r folder; do
    [[ ! -d $folder || $folder -ef $ROOT ]] || refuse "the project '$1' is installed already, in another folder: $folder" \
      "Give this one a name and a port of its own: $(another_project "$1")" \
      'Or go on here with its data: docker compose down in that folder, then move its .env here.'
  done < <(docker ps --all --filter "label=com.docker.compose.project=$1" \
    --format '{{.Label "com.docker.compose.project.working_dir"}}')
}

another_project() { # PROJECT
  if [[ -e .env ]]; then
    printf 'set COMPOSE_PROJECT_NAME and HTTP_PORT in .env'
  else
    printf 'COMPOSE_PROJECT_NAME=%s-2 %s --port %d' "$1" "$(this_command)" "$(next_free_port)"
    ! is_server || printf ' --https-port %d' "$(next_free_port 8443)"
  fi
}

check_database_volume() { # PROJECT
  [[ ! -e .env ]] || return 0
  docker volume inspect "$1_postgres_data" >/dev/null 2>&1 || return 0
  refuse "the database of '$1' exists (volume $1_postgres_data), but .env with its password does not." \
    'Put the .env of that database back into this folder. Or,' \
    "to keep that database, and install beside it: $(another_project "$1")" \
    "to start anew, LOSING ALL DATA of '$1': docker compose --project-name $1 down --volumes" \
    'Is .env lost, but the data dear? cp .env.example .env, fill it in, and run this again:' \
    'it will tell how to give the database the new password.'
}

# Under another name Compose makes other volumes: the site would be empty, and the data under the earlier name go unseen.
check_earlier_name() { # PROJECT
  local earlier folder
  [[ -z ${NEW_DATABASE-} ]] || return 0
  while IFS= read -r earlier; do
    [[ -n $earlier && $earlier != "$1" ]] || continue
    docker volume inspect "${earlier}_postgres_data" >/dev/null 2>&1 || continue
    folder=$(folder_of "$earlier")
    [[ -z $folder || ! -d $folder || $folder -ef $ROOT ]] || continue # .env was copied for a second installation
    refuse "this folder was installed as '$earlier'; its data (volume ${earlier}_postgres_data) would not be in '$1'." \
      "To keep that name and its data: set COMPOSE_PROJECT_NAME=$earlier in .env" \
      "To begin with an empty database, and leave that one as it is: $(this_command) --new-database" \
      "To take the data along: back up under '$earlier', then install '$1' so, then restore (library/docs/how-to/backups.md)"
  done < <(earlier_names)
}

# Prints the names that this folder was installed under: as it was noted, and as its containers say.
earlier_names() {
  [[ ! -e $INSTALLED_AS ]] || head -n 1 "$INSTALLED_AS"
  docker ps --all --filter "label=com.docker.compose.project.working_dir=$ROOT" \
    --format '{{.Label "com.docker.compose.project"}}'
}

# Prints the folder of a project's containers, if it has any.
folder_of() { # PROJECT
  docker ps --all --filter "label=com.docker.compose.project=$1" \
    --format '{{.Label "com.docker.compose.project.working_dir"}}' | head -n 1
}

# Its further lines are the secrets that were made: see note_secrets.
note_name() { # PROJECT
  local more=''
  [[ $(head -n 1 "$INSTALLED_AS" 2>/dev/null) != "$1" ]] || return 0
  [[ ! -e $INSTALLED_AS ]] || more=$(tail -n +2 "$INSTALLED_AS")
  printf '%s\n' "$1" ${more:+"$more"} >"$INSTALLED_AS"
}

port_taken() { # PORT
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

next_free_port() { # [FROM]
  local port=${1:-8001}
  while port_taken "$port"; do port=$((port + 1)); done
  printf '%d' "$port"
}

check_port() { # PROJECT PORT [OPTION]
  local ours
  ours=$(docker ps --quiet --filter "label=com.docker.compose.project=$1" --filter "publish=$2")
  [[ -n $ours ]] || ! port_taken "$2" || refuse "port $2 is taken by $(holder_of_port "$2")." \
    "Stop that, or take another port: $(this_command) ${3:---port} $(next_free_port)"
}

holder_of_port() { # PORT
  local project
  project=$(docker ps --filter "publish=$1" --format '{{.Label "com.docker.compose.project"}}')
  if [[ -n $project ]]; then printf "the project '%s'" "$project"; else printf 'another program'; fi
}

# A first build needs room for images and packages; what is built already needs little.
check_disk() { # PROJECT
  local folder free needed=5
  ! docker image inspect "$1-web:$(image_tag)" >/dev/null 2>&1 || needed=1
  for folder in "$(docker info --format '{{.DockerRootDir}}')" "$ROOT"; do
    [[ -d $folder ]] || continue # inside the virtual machine of Docker Desktop
    free=$(df -Pk "$folder" | awk 'NR == 2 {print $4}')
    ((free >= needed * GIGABYTE)) || refuse \
      "$folder has $((free / 1024)) MB of free disk space; $needed GB are needed." \
      'Make room. To see what Docker uses: docker system df; to remove what it can spare: docker system prune'
  done
}

image_tag() {
  if is_server; then wanted RELEASE; else printf local; fi
}
