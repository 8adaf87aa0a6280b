# Checks before a deploy; nothing is changed. Sourced by deploy.sh.
# shellcheck shell=bash

check_server_to_deploy() {
  check_docker
  lock_project
  check_owner
  check_is_server
  follow_dotenv
  unset DOTENV
  find_secrets
  check_secrets
  local databases
  mapfile -t databases < <(needed_by_web)
  check_runs "${databases[@]}" nginx
  check_backup
  check_disk "$(dotenv_get .env COMPOSE_PROJECT_NAME)"
}

check_is_server() {
  [[ -e .env ]] || refuse 'nothing is installed in this folder: there is no .env.' \
    'First: ./install_docker.sh --environment prod (library/docs/how-to/first-server.md)'
  [[ -r .env ]] || refuse 'you may not read .env.' 'Run this as its owner.'
  find_environment ''
  is_server || refuse 'this folder is LOCAL: its .env names neither dev.yml nor prod.yml.' \
    'LOCAL shows what changes at once; there is nothing to deploy.'
  check_filled
  check_time_zone
  [[ -n $(dotenv_get .env RELEASE) ]] || refuse '.env does not say which release runs: RELEASE is missing or empty.' \
    'See: docker compose images web; then write its tag into .env: RELEASE=TAG'
}

check_runs() { # SERVICE…
  local service missing=()
  for service in "$@"; do
    [[ -n $(docker compose ps --quiet --status running "$service") ]] || missing+=("$service")
  done
  ((${#missing[@]} == 0)) || refuse "the stack does not run: ${missing[*]}." 'Start it: docker compose up --detach --wait'
}

# .env names the release that serves: all that a deploy does, and undoes, goes by that.
check_web_is_of() { # RELEASE
  local other
  other=$(containers_of web | awk '$4 == "running" {print $3; exit}')
  [[ -z $other || -n $(web_of "$1") ]] || refuse "web runs $other, but .env says RELEASE=$1." \
    'Make them agree: put the right RELEASE into .env, or start what it says: docker compose up --detach --wait'
}

check_backup() {
  [[ -z $BACKUP || -n $ROLLBACK$RESTART || -n $(dotenv_get .env BACKUP_URL) ]] || refuse \
    'there is no place for the backup: BACKUP_URL in .env is empty.' \
    'Set it (library/docs/how-to/backups.md), or deploy without a backup: ./deploy.sh --no-backup'
}

# Where there is no registry, an image that is not here comes from nowhere.
check_can_pull() {
  local part image=''
  [[ -z $(dotenv_get .env REGISTRY) ]] || return 0
  for part in $(usual_parts); do
    has_image "$(image_of "$part" "$NEW")" || image=$(image_of "$part" "$NEW")
  done
  [[ -z $image ]] || refuse "there is no image $image here, and REGISTRY in .env is empty: it can be pulled from nowhere." \
    "Here are: $(releases_here)" \
    'To deploy one of these: ./deploy.sh --pull TAG' \
    'To deploy another: check its commit out, then ./deploy.sh; or set REGISTRY (library/docs/how-to/deploy-and-roll-back.md)'
}

# Prints the parts that every release of this project has. What a team added, an older one may not have.
usual_parts() {
  own_services compose_now | awk '$1 ~ /^(web|nginx|cron)$/ {print $1}'
}

# Prints the releases whose images are on this machine, newest first.
releases_here() {
  docker image ls --format '{{.Tag}}' --filter "reference=$(image_of web '*')" | paste -s -d ' ' -
}

check_way_back() {
  local part image
  [[ -n $NEW ]] || refuse "there is nothing to go back to: $OLD is the first release that .env knows of." \
    'Repair what is wrong, and deploy that.'
  for part in $(usual_parts); do
    image=$(image_of "$part" "$NEW")
    docker image inspect "$image" >/dev/null 2>&1 || refuse "the release before cannot come back: its image $image is gone." \
      "Is it in the registry? docker pull $image; then run this again. Or check that version out, and deploy it."
  done
}
