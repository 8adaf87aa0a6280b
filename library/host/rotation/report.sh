# What is going to be rotated, and what there is at the end. Sourced by rotate_secret.sh, after install/'s parts, whose words
# for a command to run again and for an interruption it replaces.
# shellcheck shell=bash

this_command() {
  printf './rotate_secret.sh %s' "$NAME"
  [[ -z $FORGET ]] || printf ' --forget-previous'
  [[ -z $FROM ]] || printf ' --from %s' "$FROM"
}

report_interruption() { # [TITLE]
  printf '\n\nInterrupted%s.\n' "${1:+ during: $1}" >&2
}

show_rotation_plan() {
  local what="$NAME: another one" state=''
  [[ -z $FORGET ]] || what="$NAME: earlier ones are forgotten; who has not been here since the rotation must log in again"
  [[ ! -s $NEXT || -n $FORGET ]] || state=' (a run that was ended is completed)'
  cat <<TEXT

  Environment  $(in_capitals "$ENVIRONMENT")
  Folder       $ROOT
  Secret       $what$state

TEXT
}

show_rotation_summary() {
  printf '\nDone, after %d s: %s. Keep a copy of secrets/ away from this machine.\n' "$SECONDS" "$CURRENT"
  case $NAME in
    secret_key) [[ -n $FORGET ]] || printf 'What the previous key signed is still taken. After a leak, now: ./rotate_secret.sh secret_key --forget-previous\n' ;;
    email_password) printf 'Try it: docker compose exec web python manage.py sendtestemail --admins\n' ;;
    google_credentials)
      [[ -n $(dotenv_get .env BACKUP_URL) ]] || printf 'BACKUP_URL in .env is empty: whether they get in was not tried.\n'
      printf 'Now delete the old key, where it was made: library/docs/how-to/authenticate-google-storage.md\n'
      ;;
  esac
}
