# What is going to be deployed, and what there is at the end. Sourced by deploy.sh, after install/'s parts, whose words for
# a command to run again and for an interruption it replaces.
# shellcheck shell=bash

this_command() {
  printf './deploy.sh'
}

report_interruption() { # [TITLE]
  printf '\n\nInterrupted%s.\n' "${1:+ during: $1}" >&2
}

show_deploy_plan() {
  local from backup='first'
  from="this folder$(state_of_git)"
  [[ -z $PULL ]] || from="images with this tag, here or in $(dotenv_get .env REGISTRY)"
  [[ -z $ROLLBACK$RESTART ]] || from='images that are here'
  [[ -n $BACKUP && -z $ROLLBACK$RESTART ]] || backup='none'
  cat <<TEXT

  Environment  $(in_capitals "$ENVIRONMENT")
  Folder       $ROOT
  Now          $OLD
  Then         $NEW, from $from
  Backup       $backup

TEXT
  show_new_secrets
  [[ -n $(web_of "$OLD") ]] || printf '  Note: no web of %s runs; there is nothing to keep serving.\n\n' "$OLD"
}

state_of_git() {
  has_git || return 0
  printf ': %s %s' "$(git rev-parse --abbrev-ref HEAD)" "$(git log -1 --format='%h "%s"')"
  [[ -z $(git status --porcelain) ]] || printf ', and changes that are not committed'
}

show_deploy_summary() {
  cat <<TEXT

$NEW serves, after $SECONDS s. $(sed -n 's/^\(nginx was replaced.*\)/\1./p' "$LOG")
TEXT
  if [[ -n $ROLLBACK ]]; then
    printf 'To go forward again: ./deploy.sh --pull %s\n' "$OLD"
    printf 'Its images are kept until the next ./deploy.sh without --rollback.\n'
  elif [[ -z $RESTART ]]; then
    printf 'To go back to %s: ./deploy.sh --rollback\n' "$OLD"
  fi
}
