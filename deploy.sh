#!/usr/bin/env bash
# The next release, in the place of the one that serves, without a request dropped. `./deploy.sh --help` tells how.
set -euo pipefail
export LC_ALL=C # a-z means these letters; what commands say can be recognised

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
readonly ROOT
readonly LOG="$ROOT/deploy.log"

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
source "$ROOT/library/host/install/explain.sh"
source "$ROOT/library/host/install/stack.sh"
source "$ROOT/library/host/install/services.sh"
source "$ROOT/library/host/deploy/releases.sh"
source "$ROOT/library/host/deploy/check.sh"
source "$ROOT/library/host/deploy/containers.sh"
source "$ROOT/library/host/deploy/steps.sh"
source "$ROOT/library/host/deploy/undo.sh"
source "$ROOT/library/host/deploy/report.sh"

usage() {
  cat <<'TEXT'
Usage: ./deploy.sh [--pull TAG] [--no-backup] [--wait SECONDS] [--yes]
       ./deploy.sh --rollback [--wait SECONDS] [--yes]
       ./deploy.sh --restart [--wait SECONDS] [--yes]

Puts the next release in the place of the one that serves, on a server that ./install_docker.sh has set up. No request is
dropped, but for the second that a changed nginx takes to be replaced.

First it checks, and changes nothing. Then it
  builds the images from this folder as it stands, or pulls them,
  backs up, publishes the static files, migrates the database,
  starts services that were added, then the new web beside the old one, waits until it is healthy, leads requests to it,
  replaces the other services that are built here (celery finishes what it runs, or puts it back),
  and only when all of them are healthy writes the release into .env, and stops the old web.

Whatever fails before that, Ctrl-C, a dropped ssh: the old release goes on, every service of it, what is new is removed,
and it says why. Killed, or the machine died? Run it again: it tidies up first.

Options:
  --pull TAG      the release with this tag, made elsewhere, from REGISTRY in .env; what is here already is not pulled
  --rollback      back to the release before; the database stays as it is. Forward again: --pull TAG
  --restart       the release that runs, in new containers: after a change in .env or secrets/
  --no-backup     do not back up first
  --wait SECONDS  how long a container may take to become healthy (120)
  --yes           do not ask before acting; without a terminal nothing is asked either
  --help          this text

What it did, command by command, is in deploy.log. How to, and what to do when: library/docs/how-to/deploy-and-roll-back.md
Exit status: 0 deployed, 1 something failed (and is explained), 2 wrong options, 130 interrupted.
TEXT
}

wrong_usage() {
  printf '%s\n\n' "$1" >&2
  usage >&2
  exit 2
}

main() {
  local assume_yes=no
  BACKUP=yes ROLLBACK='' RESTART='' PULL='' WAIT=120
  while (($#)); do
    case $1 in
      --help | -h) usage && exit ;;
      --yes | -y) assume_yes=yes ;;
      --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" && continue ;;
      --no-backup) BACKUP='' ;;
      --rollback) ROLLBACK=yes ;;
      --restart) RESTART=yes ;;
      --pull)
        is_tag "${2-}" || wrong_usage "--pull needs the tag of a release, not '${2-}'."
        PULL=$2
        shift
        ;;
      --wait)
        [[ ${2-} =~ ^[1-9][0-9]{0,3}$ ]] || wrong_usage "--wait needs a number of seconds, not '${2-}'."
        WAIT=$2
        shift
        ;;
      *) wrong_usage "Unknown option: $1" ;;
    esac
    shift
  done
  [[ -z $ROLLBACK || -z $PULL$RESTART ]] || wrong_usage '--rollback goes to the release before: it takes no --pull, no --restart.'
  [[ -z $RESTART || -z $PULL ]] || wrong_usage '--restart is for the release that runs: it takes no --pull.'
  cd "$ROOT"
  [[ -e google_storage.sh ]] || BACKUP='' # a project without backups
  deploy "$assume_yes"
}

deploy() { # ASSUME_YES
  catch_interruptions
  STEPS=9 STEP=1
  [[ -z $ROLLBACK$RESTART ]] || STEPS=6

  # Check: nothing is changed yet.
  begin_step "1/$STEPS" 'Check (nothing is changed yet)'
  check_server_to_deploy
  choose_release
  end_step "$SECONDS"
  show_deploy_plan
  [[ $1 == yes ]] || confirm

  # Act. What .env says is what serves: until the last step that is the old release, and whatever fails leads back to it.
  start_log
  trap leave EXIT
  write_candidate
  act 'Tidy up and hold requests to the old web' hold_requests
  if [[ -n $RESTART ]]; then
    act 'Give the images a name of their own' name_images
  elif [[ -z $ROLLBACK ]]; then
    act "$(if [[ -n $PULL ]]; then printf 'Pull'; else printf 'Build'; fi) the images" get_images
    act 'Back up' back_up
    act 'Migrate the database' migrate_with_care
  fi
  [[ -n $RESTART ]] || act 'Publish the static files' publish_static_files compose_next
  act 'Start the new web beside the old' start_beside
  act 'Lead requests to it' lead_to_new
  act 'Replace the other services, stop the old web' replace_the_others
  trap - EXIT
  show_deploy_summary
  show_notes
}

# Runs the next step.
act() { # TITLE COMMAND…
  STEP=$((STEP + 1))
  step "$STEP/$STEPS" "$@"
}

main "$@"
