# Checks of a server, DEV or PROD: domain, secrets; nothing is changed. Sourced by install_docker.sh.
# shellcheck shell=bash

readonly DOOR_LENGTH=12 # characters of DEV's password, at least

check_server() {
  is_server || return 0
  check_domain "$(going_to_be DOMAIN)"
  check_admin_email "$(going_to_be ADMIN_EMAIL)"
  check_dotenv_holds_no_secret
  find_secrets
  check_secrets
  check_backup_folder "$(going_to_be BACKUP_URL)"
}

# A folder of this machine is none of the container that backs up every night, unless somebody mounts it there.
check_backup_folder() { # BACKUP_URL
  local folder=${1#file://}
  [[ $1 == file://* && $folder/ != /data/* ]] || return 0
  [[ ! -e .env ]] || ! docker compose config 2>/dev/null | grep -qxF "        target: ${folder%/}" || return 0
  refuse "BACKUP_URL is $1, but nothing mounts that folder into the container of cron: no night would be backed up." \
    'Use a bucket (gs://…), or mount it: library/docs/how-to/backups.md, "A folder on the server"'
}

check_domain() { # DOMAIN
  [[ $1 =~ ^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])$ ]] || refuse \
    "DOMAIN is '$1': not the name of a site on the Internet." \
    'Lower-case letters, digits, hyphens, with a dot at least: www.example.com. No address, no port, no https://'
}

check_admin_email() { # MAIL
  [[ $1 =~ ^[^@[:space:]]+@[^@[:space:]]+\.[^@[:space:]]+$ ]] || refuse "ADMIN_EMAIL is '$1': not an e-mail address." \
    'It is for the first user, and for mail about errors: you@example.com'
}

# A variable goes before the file of the same name, and shows in docker inspect.
check_dotenv_holds_no_secret() {
  local key
  [[ -e .env ]] || return 0
  for key in $(secret_keys); do
    [[ -z $(dotenv_get .env "$key") ]] || refuse "$key is in .env; on a server it is a file." \
      "Move it: put the value into secrets/$(lower "$key"), and remove the line."
  done
}

lower() { # TEXT
  tr '[:upper:]' '[:lower:]' <<<"$1"
}

# With a .env, the secrets of that installation must be there. What is there must be worth its name in any case.
check_secrets() {
  local name length form lines=()
  while read -r name length form _; do
    if ((length > 0)); then check_secret "$name" "$length" "$form"; else check_given_secret "$name"; fi
  done < <(printf '%s\n' "${SECRETS[@]}")
  ! has_secret_named dev_password || [[ ! -e secrets/dev_password ]] || check_dev_password
  ((${#lines[@]} == 0)) || refuse 'secrets/ is not complete:' "${lines[@]}" \
    'Put the earlier ones back. Is there none? This makes one: (umask 077; openssl rand -hex 32 >secrets/NAME)' \
    'The database keeps its password from its first start on: a new postgres_password does not open it.'
}

check_dev_password() {
  local problem
  problem=$(problem_of_door "$(<secrets/dev_password)")
  [[ -z $problem ]] || lines+=("secrets/dev_password: $problem")
}

# Prints the line of nginx's password file for what was given: that line, or a password alone.
as_door() { # VALUE
  if [[ $1 == dev:["{\$"]* ]]; then printf '%s' "$1"; else printf 'dev:{PLAIN}%s' "$1"; fi
}

# Prints what is wrong with the line; nothing when it opens the door to who has the password. nginx reads
# `user:password`, and what follows another colon is a comment to it.
problem_of_door() { # LINE
  local line=${1%$'\r'} password
  password=${line#dev:}
  if [[ $line == *$'\n'* ]]; then
    printf 'it has several lines; it is one.'
  elif [[ $line != dev:["{\$"]* ]]; then
    printf 'it is dev:{PLAIN} and then the password.'
  elif [[ $password == *:* ]]; then
    printf 'it has a colon, and nginx would take what stands before that for the password.'
  elif [[ $password == '{PLAIN}'* ]] && ((${#password} - 7 < DOOR_LENGTH)); then
    printf 'the password is too short: %d characters, %d at least.' "$((${#password} - 7))" "$DOOR_LENGTH"
  fi
}

# Adds to the caller's lines a secret that was given, or empty, and is gone.
check_given_secret() { # NAME
  [[ -e secrets/$1 || ! -e .env ]] || is_derived "$1" || ! had_secret "$1" ||
    lines+=("secrets/$1 is missing; if it was empty: (umask 077; : >secrets/$1)")
}

# The variable goes before the file: it would be an address without the password.
check_dotenv_address() { # NAME FORM
  local key=${1^^} address
  address=$(dotenv_get .env "$key" 2>/dev/null) || return 0
  [[ -z $address ]] || ! is_ours "$address" "$2" || refuse "$key in .env is the address of this server, whose password is in secrets/$1." \
    'Remove the line.'
}

# Adds to the caller's lines what is wrong with a secret. Where it has lines, the first one is used.
check_secret() { # NAME LENGTH FORM
  local value problem file=secrets/$1
  if [[ ! -e $file ]]; then
    [[ ! -e .env ]] || ! had_secret "$1" || lines+=("$file is missing$([[ $3 == - ]] || printf ': %s' "$3")")
    return
  fi
  [[ -r $file ]] || refuse "you may not read $file." 'Run this as its owner.'
  [[ $3 == - ]] || check_dotenv_address "$1" "$3"
  value=$(head -n 1 "$file" | tr -d '[:space:]')
  if [[ $value == *"$PLACEHOLDER"* ]]; then
    lines+=("$file holds the placeholder $PLACEHOLDER")
  elif [[ $3 != - && -n $value ]]; then
    problem=$(problem_of_password "$value" "$2" "$3")
    [[ -z $problem ]] || lines+=("$file: $problem")
  elif ((${#value} < $2)); then
    lines+=("$file is too short to be a secret: ${#value} characters, $2 at least")
  fi
}

# Whether a name leads somewhere. Without getent nobody can tell, and nobody is worried.
resolves() { # DOMAIN
  ! command -v getent >/dev/null || getent hosts "$1" >/dev/null
}
