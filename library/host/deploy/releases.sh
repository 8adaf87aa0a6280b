# Which release runs, which is next, which are kept. All of it is in .env: RELEASE, NGINX_RELEASE and PREVIOUS_RELEASES
# change in one move. Sourced by deploy.sh.
# shellcheck shell=bash

readonly CANDIDATE=.env.release.new # .env as it is going to be
readonly RELEASES_KEPT=3            # the one that runs, and two to go back to

is_tag() { # TEXT
  [[ $1 =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]]
}

# Prints the name of a release that is built now: when, from which commit, and which changes on top of it are not committed.
name_of_build() {
  printf '%s' "$(date -u +%Y%m%d-%H%M%S)"
  has_git || return 0
  printf -- '-%s' "$(git rev-parse --short HEAD)"
  ! has_changes || printf -- '-dirty-%s' "$(hash_of_changes)"
}

# Whether there is work that is not committed, new files included.
has_changes() {
  [[ -n $(git status --porcelain) ]]
}

hash_of_changes() {
  {
    git diff --no-color --no-ext-diff --binary HEAD
    git ls-files --others --exclude-standard -z | while IFS= read -r -d '' file; do
      printf '%s\n' "$file"
      git hash-object -- "$file"
    done
  } | git hash-object --stdin | head -c 7
}

# Prints another name for a release: what runs under it is known from what ran before.
name_of_restart() { # RELEASE
  printf '%s-restart-%s' "${1%-restart-*}" "$(date -u +%Y%m%d-%H%M%S)"
}

has_git() {
  [[ -e .git ]] && git rev-parse --quiet --verify HEAD >/dev/null 2>&1
}

# Sets PROJECT, OLD, NEW and EARLIER: what is going to be PREVIOUS_RELEASES.
choose_release() {
  local previous
  PROJECT=$(dotenv_get .env COMPOSE_PROJECT_NAME) OLD=$(dotenv_get .env RELEASE)
  previous=$(dotenv_get .env PREVIOUS_RELEASES)
  check_web_is_of "$OLD"
  if [[ -n $ROLLBACK ]]; then
    NEW=${previous%% *} EARLIER=''
    [[ $previous != *' '* ]] || EARLIER=${previous#* }
    check_way_back
  elif [[ -n $RESTART ]]; then
    NEW=$(name_of_restart "$OLD") EARLIER=$previous
  else
    NEW=${PULL:-$(name_of_build)}
    [[ -z $PULL ]] || check_can_pull
    EARLIER=$(newest "$OLD" "$NEW" "$previous")
    [[ $NEW != "$OLD" ]] || refuse "the release $NEW is the one that runs." 'Nothing needs to be deployed.'
  fi
}

# Prints OLD and the earlier ones, as many as are kept beside NEW.
newest() { # OLD NEW PREVIOUS
  local release kept=("$1")
  for release in $3; do
    [[ $release == "$1" || $release == "$2" ]] || kept+=("$release")
  done
  printf '%s' "${kept[*]:0:RELEASES_KEPT-1}"
}

image_of() { # PART RELEASE
  printf '%s%s-%s:%s' "$(dotenv_get .env REGISTRY)" "$PROJECT" "$1" "$2"
}

# Writes .env as it is going to be, nginx replaced by that of RELEASE.
write_candidate() { # [NGINX_RELEASE]
  (umask 077 && dotenv_with .env "RELEASE=$NEW" "NGINX_RELEASE=${1:-$NEW}" "PREVIOUS_RELEASES=$EARLIER" >"$CANDIDATE")
}

# The switch, in one move. What was edited in .env meanwhile stays.
write_release() {
  dotenv_with .env "RELEASE=$NEW" "NGINX_RELEASE=$(dotenv_get "$CANDIDATE" NGINX_RELEASE)" \
    "PREVIOUS_RELEASES=$EARLIER" | replace_dotenv
}

# Removes the images of releases that are not needed to go back. A rollback keeps what it came from, which is the way forward
# again; a restart removes only other names of what runs.
prune_images() {
  local kept part image
  [[ -z $ROLLBACK ]] || return 0
  kept=" $(dotenv_get .env RELEASE) $(dotenv_get .env PREVIOUS_RELEASES) local "
  for part in $(parts); do
    [[ $part != nginx ]] || kept+="$(dotenv_get .env NGINX_RELEASE) "
    while IFS= read -r image; do
      [[ $kept == *" ${image##*:} "* ]] || docker image rm "$image" || printf 'still in use: %s\n' "$image"
    done < <(docker image ls --format '{{.Repository}}:{{.Tag}}' --filter "reference=$(image_of "$part" "$(prunable)")")
  done
}

# Prints a pattern of the releases that may be removed.
prunable() {
  if [[ -n $RESTART ]]; then printf '%s' "${OLD%-restart-*}-restart-*"; else printf '*'; fi
}
