#!/usr/bin/env bash
# Backups: made, listed, restored, proven. `./google_storage.sh --help` tells what it does.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
readonly ROOT
readonly CALLED_FROM=$PWD
readonly CREDENTIALS="${XDG_CONFIG_HOME:-${HOME:-/root}/.config}/google_storage"
readonly GCLOUD="${CLOUDSDK_CONFIG:-${HOME:-/root}/.config/gcloud}"

# shellcheck source-path=SCRIPTDIR
source "$ROOT/library/host/install/dotenv.sh"
source "$ROOT/library/host/install/python.sh"
source "$ROOT/library/host/install/lock.sh"

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# What can be told before anything is installed. Afterwards the command itself explains all of its options.
usage() {
  cat <<'TEXT'
Usage: ./google_storage.sh OPTION…

Backups of this project: database and media, in Google Cloud Storage or a folder (BACKUP_URL in .env).

  -a, --authenticate   let this machine into the bucket
  -l, --list           list the backups of all environments, newest first
  -b, --backup         back up database and media
  -r, --restore URL    restore a backup: its URL, latest, or latest:ENVIRONMENT
  --undo               bring back what the last restore replaced
  --verify URL         prove a backup: restore it beside everything, and compare
  --check              fail when the newest backup or proof is too old
  --check-bucket WHO   try what the account of the bucket may do: server, pruning or person
  --prune              remove the backups that retention does not keep
  --embedded           before one of these: embedded mode's, where the stack in Docker is installed too
  -h, --help           this text; once ./install_docker.sh or ./install_embedded.sh has run, with every option

How to, and what to do at 3 a.m.: library/docs/how-to/backups.md
Exit status: 0 done, 1 failed, 2 wrong use.
TEXT
}

# Whether help is all that is wanted, and there is nothing yet that could give more of it.
wants_early_help() { # ARGUMENT…
  [[ " $* " == *' --help '* || " $* " == *' -h '* ]] || return 1
  if [[ -e .env && ${1-} != --embedded ]]; then
    if docker info >/dev/null 2>&1; then return 1; fi
  elif [[ -e .env.embedded ]]; then
    return 1
  fi
}

main() {
  cd "$ROOT"
  if wants_early_help "$@"; then
    usage
    return
  fi
  give_identity "$@"
  set -- "${GIVEN[@]}"
  if [[ ${1-} == --embedded ]]; then
    shift
    in_embedded_mode "$@"
  elif [[ -e .env ]]; then
    in_docker "$@"
  elif [[ -e .env.embedded ]]; then
    in_embedded_mode "$@"
  else
    fail 'Nothing is installed in this folder yet.' \
      "First run ./install_docker.sh$([[ ! -e install_embedded.sh ]] || printf ', or ./install_embedded.sh --setup-only')."
  fi
}

# The file of --identity-file becomes standard input: it is mounted nowhere, and the container's user need not be its owner.
give_identity() { # ARGUMENT…
  local argument previous=''
  GIVEN=()
  for argument in "$@"; do
    case $previous=$argument in
      --identity-file=- | *=--identity-file=-) ;;
      --identity-file=*) take_identity "$argument" && argument=- ;;
      *=--identity-file=*) take_identity "${argument#*=}" && argument=--identity-file=- ;;
    esac
    GIVEN+=("$argument")
    previous=$argument
  done
}

take_identity() { # FILE
  local file=$1
  [[ $file == /* ]] || file=$CALLED_FROM/$file
  [[ -r $file && ! -d $file ]] || fail "There is no identity file $1 that you may read."
  exec <"$file"
}

in_embedded_mode() {
  become_program bedplate.host.embedded .venv-embedded-backups google_storage "$@"
}

# Runs the command in a container of its own, whether the stack is up or not.
in_docker() {
  local service known started=() status=0
  docker info >/dev/null 2>&1 || fail 'Docker does not answer. Start it, then run this again.'
  exclude_other_changes "$@"
  read_options "$@"
  known=$(running)
  for service in $NEEDED; do
    [[ -z $(running "$service") ]] || continue
    docker compose up --detach --wait --quiet-pull "$service" >&2 </dev/null
    started+=("$service") known+=$'\n'$(running "$service")
  done
  docker compose run --rm --no-deps "${RUN_OPTIONS[@]}" cron python -m bedplate.backup "${ARGUMENTS[@]}" || status=$?
  # A person may have started the site meanwhile, or another command that needs the same.
  ((${#started[@]} == 0)) || running | grep -vxF "$known" >/dev/null || docker compose stop "${started[@]}" >&2
  return "$status"
}

# Prints the ids of the containers that run, those of `docker compose run` among them: of a service, or all.
running() { # [SERVICE]
  docker compose ps --all --quiet --status running "$@"
}

# A restore during an install or a deploy would leave a database that the code does not know: one of them refuses.
exclude_other_changes() { # ARGUMENT…
  local argument
  for argument in "$@"; do
    case $argument in
      -r* | -[!-]*r* | --restore* | --undo) # -yr is -y -r
        take_lock || fail 'Nothing was changed: an install, deploy, rotation or restore of this project is running.' \
          'Wait until it ends and run this again. (One that was killed may still be ending its last step.)'
        return
        ;;
    esac
  done
}

# Finds out, from the command's own arguments, what its container needs: services, files, folders, a port.
read_options() { # ARGUMENT…
  local argument previous='' port=8765 authenticates=''
  NEEDED='' ARGUMENTS=() RUN_OPTIONS=(--quiet-pull)
  [[ -t 0 && -t 1 && -t 2 ]] || RUN_OPTIONS+=(--no-TTY)
  for argument in "$@"; do
    case $argument in
      -b | -[!-]*b* | --backup | -r* | -[!-]*r* | --restore* | --undo) NEEDED=postgres ;;
      --verify*) NEEDED=verifier ;; # what is live may be damaged, or gone
      --export*) NEEDED='postgres verifier' ;;
      -a | --authenticate) check_is_no_server && authenticates=yes ;;
    esac
    case $previous in
      --port) port=$argument ;;
      --key-file) share_key "$argument" && argument=/key.json ;;
    esac
    share_folder "$argument"
    ARGUMENTS+=("$argument")
    previous=$argument
  done
  share_folder "$(dotenv_get .env BACKUP_URL)"
  share_credentials
  [[ -z $authenticates ]] || RUN_OPTIONS+=(--publish "127.0.0.1:$port:$port")
}

# A server's credentials are a secret, mounted into cron; what a person's home holds would be of no use there.
check_is_no_server() {
  ! is_server || fail \
    'This folder is a server: its credentials are the secret google_credentials, a key of a service account.' \
    'Give it one, and it is tried before it is used: ./rotate_secret.sh google_credentials --from key.json' \
    'How to get one: library/docs/how-to/authenticate-google-storage.md'
}

is_server() {
  [[ $(dotenv_get .env COMPOSE_FILE) =~ ^(dev|prod)\.yml ]]
}

# A folder in place of a bucket has the same path in the container; /data is a volume of the stack.
share_folder() { # ARGUMENT
  local folder
  [[ $1 == file:///* && $1 != file:///data/* ]] || return 0
  folder=${1#file://}
  folder=${folder%%/v1/*}
  [[ ! -d $folder || " ${RUN_OPTIONS[*]} " == *" $folder:$folder "* ]] || RUN_OPTIONS+=(--volume "$folder:$folder")
}

share_key() { # FILE
  local file
  file=$(cd "$CALLED_FROM" && realpath -- "$1") && [[ -f $file ]] || fail "There is no key file $1."
  RUN_OPTIONS+=(--volume "$file:/key.json:ro")
}

# Credentials stay outside of the checkout, one folder a project, for their owner only.
share_credentials() {
  local folder
  ! is_server || return 0 # Compose mounts them
  folder=$CREDENTIALS/$(dotenv_get .env COMPOSE_PROJECT_NAME)
  (umask 077 && mkdir -p "$folder")
  RUN_OPTIONS+=(--volume "$folder:/credentials" --env GOOGLE_CREDENTIALS=/credentials/credentials.json)
  [[ ! -d $GCLOUD ]] || RUN_OPTIONS+=(--volume "$GCLOUD:/gcloud:ro" --env CLOUDSDK_CONFIG=/gcloud)
}

main "$@"
