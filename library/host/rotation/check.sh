# Checks before a secret is rotated; nothing is changed. Sourced by rotate_secret.sh.
# shellcheck shell=bash

is_one_of() { # WORD WORDS
  [[ " $2 " == *" $1 "* ]]
}

# Sets NEW to what was given, or nothing.
check_rotation() {
  local databases
  check_docker
  lock_project
  check_owner
  check_is_to_rotate
  follow_dotenv
  find_secrets
  check_secrets
  check_is_here
  NEW=''
  [[ -z $FROM ]] || read_new
  mapfile -t databases < <(needed_by_web)
  check_runs "${databases[@]}" nginx web
  check_takes_passwords
}

check_is_to_rotate() {
  [[ -e .env ]] || refuse 'nothing is installed in this folder: there is no .env.' \
    'First: ./install_docker.sh --environment prod (library/docs/how-to/first-server.md)'
  find_environment ''
  is_server || refuse 'this folder is LOCAL: its secrets are in .env.' \
    'Change them there (library/docs/how-to/rotate-a-secret.md tells about the database), then: docker compose up --detach'
}

# While a server lets in who has no password, what runs has none.
check_takes_passwords() {
  local without
  [[ -n $(list_of_secret "$NAME") ]] || return 0
  without=$(servers_without_list | paste -s -d ' ' -)
  [[ -z $without ]] || refuse "$without: asks for no password yet, as a deploy was not completed." 'First: ./deploy.sh'
}

# A secret that no service of this environment reads would change nothing.
check_is_here() {
  local here secret
  here=$(for secret in $(secret_names); do is_derived "$secret" || printf '%s\n' "$secret"; done | paste -s -d ' ' -)
  is_one_of "$NAME" "$here" || refuse "$(in_capitals "$ENVIRONMENT") has no secret '$NAME' to rotate. It has: $here" \
    'On PROD, what reads encrypted backups stays away; on DEV, mail is caught.' \
    'To restore an encrypted backup there, give the key for that command alone: ./google_storage.sh -r URL --identity-file FILE' \
    '(library/docs/how-to/backups.md, "The server is gone, and its backups are encrypted")'
  [[ -n $FROM ]] || (($(length_of_secret "$NAME") > 0)) || refuse "$NAME is made elsewhere." "Give it: $(this_command) --from FILE"
  [[ -e $CURRENT ]] || refuse "there is no $CURRENT yet: its release is not deployed." 'First: ./deploy.sh'
  [[ -w secrets && -r $CURRENT ]] || refuse "you may not change $CURRENT." 'Run this as its owner.'
}

# Sets NEW to what --from gives, without the line ends behind it. Nobody can type what was cut off, or is several lines.
read_new() {
  local file=$FROM least
  if [[ $FROM == - ]]; then
    file=/dev/stdin
  else
    file=$(cd "$CALLED_FROM" && realpath -- "$FROM") && [[ -f $file && -r $file ]] || refuse "there is no file $FROM that you may read."
  fi
  NEW=$(cat "$file")
  NEW=${NEW%$'\r'}
  least=$(length_of_secret "$NAME")
  ((least > 0)) && [[ -z $(form_of_secret "$NAME") ]] || least=1
  [[ $NEW != *"$PLACEHOLDER"* ]] || refuse "what --from gives holds the placeholder $PLACEHOLDER."
  ((${#NEW} >= least)) || [[ $NAME == dev_password ]] ||
    refuse "what --from gives is too short to be $NAME: ${#NEW} characters, $least at least."
  check_new_address
  case $NAME in
    google_credentials)
      [[ $NEW == '{'*'"type"'*'}' ]] || refuse 'what --from gives is no key of a service account: JSON that names its "type".' \
        'How to get one: library/docs/how-to/authenticate-google-storage.md'
      ;;
    backup_age_identity)
      [[ $NEW == *AGE-SECRET-KEY-1* ]] || refuse 'what --from gives is no age identity: it holds no AGE-SECRET-KEY-1….' \
        'age-keygen makes one.'
      ;;
    dev_password) check_door "$(as_door "$NEW")" 'what --from gives' ;;
    secret_key | postgres_password | default_user_password | email_password)
      [[ $NEW != *$'\n'* ]] || refuse 'what --from gives has several lines; a password or a key is one.'
      ;;
  esac
}

# An address of ours has a password worth the name; another server's is that server's affair.
check_new_address() {
  local form problem
  form=$(form_of_secret "$NAME")
  [[ -n $form ]] || return 0
  [[ $NEW != *[[:space:]]* ]] || refuse 'what --from gives has blanks or several lines; an address is one word.'
  problem=$(problem_of_password "$NEW" "$(length_of_secret "$NAME")" "$form")
  [[ -z $problem ]] || refuse "what --from gives cannot be $NAME: $problem"
}

check_door() { # VALUE WHERE
  local problem
  problem=$(problem_of_door "$1")
  [[ -z $problem ]] || refuse "$2 cannot be dev_password: $problem" \
    "Give another password, of $DOOR_LENGTH characters at least and without a colon; or none, and one is made."
}
