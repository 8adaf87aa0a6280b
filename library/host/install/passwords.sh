# Servers that know passwords by their hashes: Valkey's. Each has a list in secrets/, made from the secret that `x-hashes-of`
# names, which holds the whole address. At no time does a server refuse what runs: first it takes the next password beside the
# one in use, and the next alone only when everything that runs uses it. Sourced by install_docker.sh, deploy.sh and
# rotate_secret.sh.
# shellcheck shell=bash

# Prints each list, and the secret that it has the hashes of.
password_lists() {
  printf '%s\n' "${SECRETS[@]}" | awk '$4 != "-" {print $1, $4}'
}

# Prints the list of this secret's hashes; nothing where no server has one.
list_of_secret() { # NAME
  password_lists | awk -v name="$1" '$2 == name {print $1}'
}

# Prints the password in an address of this form; nothing where the address is that of a server elsewhere.
password_in() { # ADDRESS FORM
  local rest=${1#"${2%%SECRET*}"} end=${2#*SECRET}
  [[ $1 == "${2%%SECRET*}"*"$end"* ]] || return 0
  printf '%s' "${rest%%"$end"*}"
}

# Prints what is wrong with an address. The server's file shows the hash of its password: one that can be guessed would be found.
problem_of_password() { # ADDRESS LENGTH FORM
  local password
  password=$(password_in "$1" "$3")
  if [[ $1 != *://* ]]; then
    printf 'it is an address: %s, or that of another server.' "$3"
  elif is_ours "$1" "$3" && [[ $1 != "${3%%SECRET*}"*"${3#*SECRET}"* ]]; then
    printf 'the address of this server is written %s' "$3"
  elif [[ $1 != "${3%%SECRET*}"*"${3#*SECRET}"* ]]; then
    return 0
  elif [[ ! $password =~ ^[A-Za-z0-9._~-]+$ ]]; then
    printf 'its password must be of letters, digits and . _ ~ -, in an address like %s' "$3"
  elif ((${#password} < $2)); then
    printf 'its password is too short: %d characters, %d at least.' "${#password}" "$2"
  fi
}

# Whether an address is that of the server in this form, however it is written.
is_ours() { # ADDRESS FORM
  [[ $(host_in "$1") == "$(host_in "$2")" ]]
}

host_in() { # ADDRESS
  local host=${1#*://}
  host=${host##*@}
  printf '%s' "${host%%[:/?]*}"
}

# Prints what lets the password of this file in, as Valkey has it: # and its SHA-256.
hash_of() { # FILE FORM
  local password hash
  [[ -s $1 ]] || return 0
  password=$(password_in "$(head -n 1 "$1" | tr -d '[:space:]')" "$2")
  [[ -n $password ]] || return 0
  hash=$(printf '%s' "$password" | sha256sum)
  printf '#%s\n' "${hash%% *}"
}

# Puts standard input into a list, whole or not at all. Its server runs as a user of its own; hashes may be read.
put_passwords() { # LIST
  awk 'NF && !seen[$0]++' >"secrets/.$1.new" && chmod 644 "secrets/.$1.new" && mv -f "secrets/.$1.new" "secrets/$1"
}

# Adds to the lists the passwords in force, and those that a rotation is going to use. What is there stays.
add_passwords() {
  local list name form
  while read -r list name; do
    form=$(form_of_secret "$name")
    {
      [[ ! -e secrets/$list ]] || cat "secrets/$list"
      hash_of "secrets/$name" "$form"
      hash_of "secrets/.$name.next" "$form"
    } | put_passwords "$list" || return
  done < <(password_lists)
}

# Keeps in the lists the passwords in force alone, but for those lists of which something that runs has an earlier one.
keep_passwords() {
  local list name stale
  while read -r list name; do
    stale=$(readers_with_another "$name" | paste -s -d ' ' -)
    if [[ -n $stale ]]; then
      printf 'An earlier %s stays in force, as these run with it: %s\n' "$name" "$stale"
      continue
    fi
    hash_of "secrets/$name" "$(form_of_secret "$name")" | put_passwords "$list" || return
  done < <(password_lists)
}

# Prints the services that run with another secret than the one in secrets/: a file that is replaced stays, in what runs, the one
# before.
readers_with_another() { # NAME
  local service id
  for service in $(readers_of "$1"); do
    for id in $(docker compose ps --quiet --status running "$service"); do
      shows_secret "$id" "$1" || printf '%s\n' "$service"
    done
  done | awk '!seen[$0]++'
}

# Whether the container has the file of secrets/ as it is now.
shows_secret() { # CONTAINER NAME
  [[ $(docker exec "$1" cat "/run/secrets/$2" </dev/null 2>/dev/null && echo .) == "$(cat "secrets/$2" && echo .)" ]]
}

# Prints each service that reads a list, and the list.
servers_and_lists() {
  local readers
  readers=$(services_and secrets docker compose)
  password_lists | while read -r list _; do
    awk -v list="$list" '$2 == list {print $1, list}' <<<"$readers"
  done
}

# Prints the servers that run with another list than the one in secrets/.
servers_with_other_passwords() {
  local server list id
  while read -r server list; do
    for id in $(docker compose ps --quiet "$server"); do
      shows_secret "$id" "$list" || printf '%s\n' "$server"
    done
  done < <(servers_and_lists)
}

# Replaces the servers that run with other lists. Meanwhile, about a second, tasks wait in their rows and pages do without the cache.
replace_servers() {
  local stale
  mapfile -t stale < <(servers_with_other_passwords)
  ((${#stale[@]} > 0)) || return 0
  docker compose rm --stop --force "${stale[@]}"
  docker compose up --detach --wait --wait-timeout "${WAIT:-120}" "${stale[@]}"
}

# Prints the servers that run since before there were passwords: they have no list, and let in who has none.
servers_without_list() {
  local server list id
  while read -r server list; do
    for id in $(docker compose ps --quiet --status running "$server"); do
      docker inspect --format '{{range .Mounts}}{{.Destination}} {{end}}' "$id" </dev/null | grep -F "/run/secrets/$list " >/dev/null ||
        printf '%s\n' "$server"
    done
  done < <(servers_and_lists)
}

# Before anything starts that uses the password in force: every server that runs takes it. One from before there were passwords
# learns it as it runs, since what uses it now has none; it forgets it when it starts again.
admit_passwords() {
  local server list name form hash others=no without
  without=" $(servers_without_list | paste -s -d ' ' -) "
  while read -r server list; do
    name=$(password_lists | awk -v list="$list" '$1 == list {print $2}')
    form=$(form_of_secret "$name")
    hash=$(hash_of "secrets/$name" "$form")
    [[ -n $hash && -n $(docker compose ps --quiet --status running "$server") ]] || continue
    if [[ $without == *" $server "* ]]; then
      docker compose exec --no-TTY "$server" valkey-cli -e acl setuser "$(user_in "$form")" on "$hash" '~*' '&*' +@all </dev/null ||
        return
    elif ! docker compose exec --no-TTY "$server" grep -qxF "$hash" "/run/secrets/$list" </dev/null; then
      others=yes
    fi
  done < <(servers_and_lists)
  [[ $others == no ]] || replace_servers
}

user_in() { # FORM
  local rest=${1#*://}
  printf '%s' "${rest%%:*}"
}

# At the end, when all that runs uses the passwords in force: the servers take these alone, and run as the Compose files say.
settle_passwords() {
  local servers
  keep_passwords
  mapfile -t servers < <(servers_and_lists | awk '!seen[$1]++ {print $1}')
  ((${#servers[@]} > 0)) || return 0 # without a name it would be all services
  replace_servers
  docker compose up --detach --wait --wait-timeout "${WAIT:-120}" "${servers[@]}"
}
