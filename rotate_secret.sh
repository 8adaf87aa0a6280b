#!/usr/bin/env bash
# Another secret in the place of one of a server's. `./rotate_secret.sh --help` tells how.
set -euo pipefail
export LC_ALL=C # a-z means these letters; what commands say can be recognised

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
readonly ROOT
readonly CALLED_FROM=$PWD
readonly LOG="$ROOT/rotate_secret.log"
readonly STEP_END_LIMIT=300 # seconds: an interrupted restart goes back to what ran before

# shellcheck source-path=SCRIPTDIR
source "$ROOT/library/host/install/terminal.sh"
source "$ROOT/library/host/install/dotenv.sh"
source "$ROOT/library/host/install/environment.sh"
source "$ROOT/library/host/install/server.sh"
source "$ROOT/library/host/install/secrets.sh"
source "$ROOT/library/host/install/passwords.sh"
source "$ROOT/library/host/install/check_docker.sh"
source "$ROOT/library/host/install/lock.sh"
source "$ROOT/library/host/install/check_project.sh"
source "$ROOT/library/host/install/check_server.sh"
source "$ROOT/library/host/install/explain.sh"
source "$ROOT/library/host/install/stack.sh"
source "$ROOT/library/host/install/services.sh"
source "$ROOT/library/host/deploy/check.sh"
source "$ROOT/library/host/deploy/containers.sh"
source "$ROOT/library/host/rotation/check.sh"
source "$ROOT/library/host/rotation/files.sh"
source "$ROOT/library/host/rotation/steps.sh"
source "$ROOT/library/host/rotation/report.sh"

usage() {
  cat <<'TEXT'
Usage: ./rotate_secret.sh NAME [--from FILE] [--wait SECONDS] [--yes]
       ./rotate_secret.sh secret_key --forget-previous [--wait SECONDS] [--yes]

Puts another secret in the place of secrets/NAME, on a server that ./install_docker.sh has set up, while the site is open.

Made here, unless --from gives one:
  secret_key             everybody stays logged in: the previous key still opens what it signed
  postgres_password      in PostgreSQL too
  default_user_password  the first user's password on the site becomes this one
  valkey_url, cache_url  the address of the queue or the cache, with another password; or that of a server elsewhere
  dev_password           DEV's door; nginx is away for about a second
Made elsewhere, so --from must give it:
  email_password         PROD's, at the SMTP server
  google_credentials     a service account's key; it must get in before it is used
  backup_age_identity    DEV's, to read encrypted backups
And what else dev.yml or prod.yml lists below `secrets:`. With x-length it is made here; what reads it is replaced.

The previous secret stays in force until the new one works. Whatever fails, or Ctrl-C: what is in secrets/ works, and it says
whether to run the same command again.

Options:
  --from FILE        the file that holds the new secret; - is standard input
  --forget-previous  take nothing any more that an earlier secret_key has signed: after a leak, or weeks after a rotation
  --wait SECONDS     how long a container may take to become healthy (120)
  --yes              do not ask before acting; without a terminal nothing is asked either
  --help             this text

What it did is in rotate_secret.log (never a secret). How to, and what to do when: library/docs/how-to/rotate-a-secret.md
Exit status: 0 done, 1 something failed (and is explained), 2 wrong options, 130 interrupted.
TEXT
}

wrong_usage() {
  printf '%s\n\n' "$1" >&2
  usage >&2
  exit 2
}

main() {
  local assume_yes=no
  NAME='' FROM='' FORGET='' WAIT=120
  while (($#)); do
    case $1 in
      --help | -h) usage && exit ;;
      --yes | -y) assume_yes=yes ;;
      --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" && continue ;;
      --forget-previous) FORGET=yes ;;
      --from)
        [[ -n ${2-} ]] || wrong_usage '--from needs a file, or - for standard input.'
        FROM=$2
        shift
        ;;
      --wait)
        [[ ${2-} =~ ^[1-9][0-9]{0,3}$ ]] || wrong_usage "--wait needs a number of seconds, not '${2-}'."
        WAIT=$2
        shift
        ;;
      -*) wrong_usage "Unknown option: $1" ;;
      *)
        [[ -z $NAME ]] || wrong_usage "One secret at a time: $NAME, or $1."
        NAME=$1
        ;;
    esac
    shift
  done
  check_usage
  CURRENT=secrets/$NAME NEXT=secrets/.$NAME.next PREVIOUS=secrets/.$NAME.previous BESIDE=secrets/.$NAME.new
  cd "$ROOT"
  rotate "$assume_yes"
}

check_usage() {
  [[ -n $NAME ]] || wrong_usage 'Which secret? Give its name.'
  [[ -z $FORGET || $NAME == secret_key ]] || wrong_usage '--forget-previous is for secret_key.'
  [[ -z $FORGET || -z $FROM ]] || wrong_usage '--forget-previous makes no new secret: it takes no --from.'
}

rotate() { # ASSUME_YES
  catch_interruptions

  # Check: nothing is changed yet.
  begin_step 1 'Check (nothing is changed yet)'
  check_rotation
  end_step "$SECONDS"
  show_rotation_plan
  [[ $1 == yes ]] || confirm

  # Act. Each step leaves secrets/ such that what runs, and what starts next, works.
  start_log
  trap leave_rotation EXIT
  STEP=1
  if [[ -n $FORGET ]]; then
    forget_previous
  else
    keep_next
    rotate_named_secret
    rm -f "$NEXT" "$PREVIOUS"
  fi
  trap - EXIT
  show_rotation_summary
}

main "$@"
