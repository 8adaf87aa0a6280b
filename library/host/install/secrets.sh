# The list of a server's secrets: what the Compose files of its environment name below `secrets:`. Which of them are made here,
# and which have been. Sourced by install_docker.sh, deploy.sh and rotate_secret.sh.
# shellcheck shell=bash

readonly FIRST_SECRETS='secret_key postgres_password default_user_password' # every server has had these from its install on

# Sets SECRETS to a line for each secret that a service reads: its name; its length, 0 where nothing is made here; how it is written;
# the secret that it has the hashes of. Secrets that are no files of secrets/ are the team's own affair.
find_secrets() {
  local config
  config=$(compose_of_environment config 2>&1) || refuse "Docker Compose cannot read $ENVIRONMENT.yml:" \
    "${config##*$'\n'}" "Correct the file. To see it as Compose does: docker compose --file $ENVIRONMENT.yml config"
  mapfile -t SECRETS < <(awk '
    function value() {sub(/^ *[^ ]+ /, ""); gsub(/^["\047]|["\047]$/, ""); gsub(/[$][$]/, "$"); return $0}
    function finish() {if (file == ENVIRON["PWD"] "/secrets/" name) print name, length_, form, of; file = ""; length_ = 0; form = of = "-"}
    BEGIN {form = of = "-"}
    /^[^ ]/ {finish(); in_secrets = $1 == "secrets:"}
    in_secrets && /^  [^ ]/ {finish(); name = $1; gsub(/[":]/, "", name)}
    in_secrets && $1 == "file:" {file = value()}
    in_secrets && $1 == "x-length:" {length_ = value()}
    in_secrets && $1 == "x-form:" {form = value()}
    in_secrets && $1 == "x-hashes-of:" {of = value()}
    END {finish()}' <<<"$config")
  ((${#SECRETS[@]} > 0)) || refuse "$ENVIRONMENT.yml names no secret of the folder secrets/." \
    'Put its list of secrets back, with secret_key and the others.'
  check_lengths
}

check_lengths() {
  local name length form of
  while read -r name length form of; do
    [[ $length =~ ^(0|[1-9][0-9]{0,3})$ ]] || refuse "x-length of the secret $name is '$length' in $ENVIRONMENT.yml: not a length." \
      'Write how many characters it has at least: x-length: 32'
    [[ $form == - || $form == *://*:SECRET@?* ]] || refuse "x-form of the secret $name in $ENVIRONMENT.yml is no address with SECRET in it." \
      'For example: x-form: "redis://queue:SECRET@valkey:6379"'
    [[ $of == - || $(form_of_secret "$of") ]] || refuse "x-hashes-of of $name is '$of' in $ENVIRONMENT.yml: that has no x-form." \
      'Name the secret whose SECRET the server takes.'
  done < <(printf '%s\n' "${SECRETS[@]}")
}

# Docker Compose as .env says, whatever the shell does; where there is none yet, as it is going to.
compose_of_environment() { # ARGUMENT…
  if [[ -e .env ]]; then
    COMPOSE_FILE=$(dotenv_get .env COMPOSE_FILE) docker compose "$@"
  else
    DOTENV=.env.example docker compose --file "$ENVIRONMENT.yml" --env-file .env.example "$@"
  fi
}

secret_names() {
  printf '%s\n' "${SECRETS[@]%% *}"
}

has_secret_named() { # NAME
  [[ " ${SECRETS[*]%% *} " == *" $1 "* ]]
}

# Prints how long a secret is at least; 0 where it may be empty.
length_of_secret() { # NAME
  printf '%s\n' "${SECRETS[@]}" | awk -v name="$1" '$1 == name {print $2}'
}

# Prints how a secret is written, with SECRET for what is secret in it; nothing where it is that alone.
form_of_secret() { # NAME
  printf '%s\n' "${SECRETS[@]}" | awk -v name="$1" '$1 == name && $3 != "-" {print $3}'
}

# Whether it is made from others by itself: PostgreSQL's copy, and hashes.
is_derived() { # NAME
  [[ secrets/$1 == "$POSTGRES_SECRET" ]] || password_lists | grep "^$1 " >/dev/null
}

# Whether this folder had the secret already: a file that is missing now was lost, and another one would not do.
had_secret() { # NAME
  [[ " $FIRST_SECRETS " == *" $1 "* ]] || tail -n +2 "$INSTALLED_AS" 2>/dev/null | grep -qxF "$1"
}

# Makes the secrets that are not there yet. An empty one is made again, so that the application may read it.
write_secrets() { # PROJECT
  local name
  (umask 077 && mkdir -p secrets)
  for name in $(secret_names); do
    [[ -s secrets/$name ]] || is_derived "$name" || make_secret "$name" | put_secret "$name" || return
  done
  # An empty one is of a disk that was full.
  [[ -s $POSTGRES_SECRET ]] || ! has_secret_named "${POSTGRES_SECRET##*/}" ||
    head -n 1 secrets/postgres_password | put_secret "${POSTGRES_SECRET##*/}" || return
  add_passwords || return
  note_name "$1"
  note_secrets
}

# Puts standard input into a secret, whole or not at all, for its owner alone from the first byte on.
put_secret() { # NAME
  local beside=secrets/.$1.new
  rm -f "$beside"
  (umask 077 && cat >"$beside") && close_secret "$beside" && mv -f "$beside" "secrets/$1"
}

# Prints a new secret; nothing where it is made elsewhere.
make_secret() { # NAME
  local length form
  length=$(length_of_secret "$1") form=$(form_of_secret "$1")
  ((length > 0)) || return 0
  [[ $1 != dev_password ]] || form='dev:{PLAIN}SECRET'
  form=${form:-SECRET}
  printf '%s%s%s' "${form%%SECRET*}" "$(secret $((length * 3 / 2)))" "${form#*SECRET}"
}

# Remembers below the project's name which secrets were made, so that one that is lost is not taken for a new one. Another
# password for DEV's door does as well.
note_secrets() {
  local name
  for name in $(secret_names); do
    [[ $name == dev_password ]] || had_secret "$name" || printf '%s\n' "$name" >>"$INSTALLED_AS"
  done
}

# Prints the secrets that a release brings along, with what there is to do about them.
show_new_secrets() {
  local name
  for name in $(secret_names); do
    [[ ! -e secrets/$name ]] || continue
    if (($(length_of_secret "$name") > 0)) || is_derived "$name"; then
      printf '  Note: secrets/%s is new, and made now.\n\n' "$name"
    else
      printf '  Note: secrets/%s is new, and empty. Give it: ./rotate_secret.sh %s --from FILE\n\n' "$name" "$name"
    fi
  done
}
