# Back to the release that .env names, from wherever a deploy stopped. Sourced by deploy.sh.
# shellcheck shell=bash

# Leaves that release alone running, and nginx as it is without a deploy. Does nothing where that is so already.
go_back() {
  local release serving others
  release=$(dotenv_get .env RELEASE)
  docker rm --force "$(migration_container)" >/dev/null 2>&1 || true # mostly there is none: only a killed deploy leaves one
  mapfile -t serving < <(web_of "$release")
  mapfile -t others < <(web_besides "$release")
  if ((${#others[@]} > 0)); then
    ((${#serving[@]} == 0)) || route "${serving[@]}"
    wait_until_settled
    docker stop "${others[@]}" # it finishes the requests that it has
    docker rm "${others[@]}"
  fi
  bring_back_others
  # A service that does not start is no reason to leave the rest undone; `leave` names it.
  start_what_is_down || printf 'Not all of them run.\n'
  route
}

# Those services beside web that a deploy had replaced already. One that the release of .env does not have goes.
bring_back_others() {
  local service image replaced=() removed=()
  while read -r service image; do
    [[ $service != web && -n $(containers_besides "$service" "$image") ]] || continue
    if has_image "$image"; then replaced+=("$service"); else removed+=("$service"); fi
  done < <(own_services compose_now)
  ((${#removed[@]} == 0)) || compose_now rm --stop --force "${removed[@]}"
  ((${#replaced[@]} == 0)) || replace_services compose_now "${replaced[@]}"
}

# Docker goes on stopping a container when the command that asked for it is interrupted, and shows it as running meanwhile.
# So what the last step had begun to replace is stopped for certain, before it is looked at.
undo_replacing() {
  local others
  mapfile -t others < <(own_services compose_now | awk '$1 != "web" && $1 != "nginx" {print $1}')
  ((${#others[@]} == 0)) || compose_now rm --stop --force "${others[@]}"
}

undo() {
  [[ $STEP != "$STEPS" ]] || undo_replacing
  go_back
  [[ $(dotenv_get .env RELEASE) != "$NEW" ]] || settle_passwords
}

# The script ends before the deploy did: undo it, however it ended.
leave() {
  local status=$? release failed down
  ignore_signals
  release=$(dotenv_get .env RELEASE)
  printf '\nGoing back to the release %s … ' "$release" >&2
  printf '\n== [%s] Going back\n' "$(date '+%H:%M:%S')" >>"$LOG"
  undisturbed undo
  failed=$?
  if ((failed == 0)); then
    rm -f "$CANDIDATE"
    printf 'done.\n' >&2
  else
    printf 'failed: see %s. To do: docker compose up --detach --wait\n' "$LOG" >&2
  fi
  mapfile -t down < <(services_down 2>>"$LOG")
  ((${#down[@]} == 0)) || report_down "${down[@]}" >&2
  ((status != 0)) || status=1
  exit "$status"
}
