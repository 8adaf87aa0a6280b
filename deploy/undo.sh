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
  route
}

# Those of celery, flower, cron and nginx that a deploy had replaced already.
bring_back_others() {
  local service services=()
  for service in celery flower cron nginx; do
    [[ $(containers_of "$service" | awk '{print $3; exit}') == "$(image_by_dotenv "$service")" ]] || services+=("$service")
  done
  ((${#services[@]} == 0)) || replace_services compose_now "${services[@]}"
}

# Prints the image that a service has by .env.
image_by_dotenv() { # SERVICE
  local release
  release=$(dotenv_get .env RELEASE)
  case $1 in
    nginx) image_of nginx "$(nginx_release "$release")" ;;
    cron) image_of cron "$release" ;;
    *) image_of web "$release" ;;
  esac
}

nginx_release() { # RELEASE
  local release
  release=$(dotenv_get .env NGINX_RELEASE)
  printf '%s' "${release:-$1}"
}

# The script ends before the deploy did: undo it, however it ended.
leave() {
  local status=$? release
  trap - EXIT
  trap '' INT TERM HUP
  set +e
  release=$(dotenv_get .env RELEASE)
  printf '\nGoing back to the release %s … ' "$release" >&2
  printf '\n== [%s] Going back\n' "$(date '+%H:%M:%S')" >>"$LOG"
  if (set -e && go_back) >>"$LOG" 2>&1; then
    rm -f "$CANDIDATE"
    printf 'done.\n' >&2
  else
    printf 'failed: see %s. To do: docker compose up --detach --wait\n' "$LOG" >&2
  fi
  ((status != 0)) || status=1
  exit "$status"
}
