#!/usr/bin/env bash
# The proxy of this machine: http://<project>.localhost. `proxy_pass.sh --help` tells what it does.
set -euo pipefail
export LC_ALL=C # a-z means these letters

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
readonly HERE
readonly ROOT=${HERE%/library/host/*}
readonly PROXY=${PROXY_PROJECT:-proxy-pass}
readonly NETWORK=${PROXY_NETWORK:-proxy_pass}
readonly HOME_FOLDER=${PROXY_HOME:-${XDG_CONFIG_HOME:-${HOME:-/root}/.config}/proxy_pass}
readonly SETTINGS=$HOME_FOLDER/settings.env
readonly CERTIFICATES=$HOME_FOLDER/certificates

# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/../../..
source "$ROOT/library/host/install/terminal.sh"
source "$ROOT/library/host/install/dotenv.sh"
source "$ROOT/library/host/install/check_docker.sh"
source "$ROOT/library/host/install/check_project.sh"
source "$HERE/checks.sh"
source "$HERE/certificates.sh"
source "$HERE/hosts.sh"
source "$HERE/projects.sh"

usage() {
  cat <<'TEXT'
Usage: library/host/proxy_pass/proxy_pass.sh install|start|stop|status|remove [OPTION…]

One nginx for this machine, on 127.0.0.1: http://<project>.localhost and http://<project>.local lead to the project of
that COMPOSE_PROJECT_NAME. A project joins by its ./install_docker.sh; nothing is set here for each of them.

  install   checks first, then builds and starts it; again, with other options, whenever you like
  start     starts it again; with HTTPS, makes a certificate for the projects that came meanwhile
  stop      stops it, until start; the projects run on
  status    tells its addresses, and which projects it reaches
  remove    removes it and its network, once no project is joined to it any more; its certificates stay

Options of install:
  --port N         the port of HTTP (80)
  --https          HTTPS too, with a certificate of an authority on this machine: mkcert's, if that is installed,
                   otherwise one of its own, and how to trust it
  --https-port N   the port of HTTPS (443)
  --yes            do not ask before a line is added to /etc/hosts, which <project>.local needs (.localhost does not)
  --help           this text

Settings and certificates are in ~/.config/proxy_pass, outside of any project.
For a second proxy, in tests say: PROXY_PROJECT, PROXY_NETWORK and PROXY_HOME name what belongs to it.
Exit status: 0 done, or running; 1 something failed, or it does not run; 2 wrong options.
TEXT
}

wrong_usage() {
  printf '%s\n\n' "$1" >&2
  usage >&2
  exit 2
}

main() {
  local verb=${1-}
  case $verb in
    --help | -h | help) usage && exit ;;
    install) install_proxy "${@:2}" ;;
    start | stop | status | remove)
      (($# == 1)) || wrong_usage "$verb takes no options."
      check_docker
      [[ -e $SETTINGS ]] || refuse 'the proxy is not installed.' \
        'Install it: library/host/proxy_pass/proxy_pass.sh install'
      "${verb}_proxy"
      ;;
    *) wrong_usage "${verb:+Unknown: $verb. }Say what to do: install, start, stop, status or remove." ;;
  esac
}

install_proxy() { # OPTION…
  local port=80 https='' https_port=443 assume_yes=no
  while (($#)); do
    case $1 in
      --help | -h) usage && exit ;;
      --yes | -y) assume_yes=yes ;;
      --https) https=yes ;;
      --port=* | --https-port=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" && continue ;;
      --port | --https-port)
        is_port "${2-}" || wrong_usage "$1 needs a number from 1 to 65535, not '${2-}'."
        if [[ $1 == --port ]]; then port=$2; else https_port=$2; fi
        shift
        ;;
      *) wrong_usage "Unknown option: $1" ;;
    esac
    shift
  done

  check_docker
  check_shared_network
  check_proxy_port --port "$port"
  [[ -z $https ]] || { check_certificate_tool && check_proxy_port --https-port "$https_port"; }

  write_settings "$port" "$https" "$https_port"
  compose build --quiet
  start_proxy
  offer_hosts "$assume_yes" "$(own_project).local"
}

write_settings() { # PORT HTTPS HTTPS_PORT
  (umask 077 && mkdir -p "$HOME_FOLDER")
  printf '%s\n' "PROXY_HTTP_PORT=$1" "PROXY_HTTPS=$2" "PROXY_HTTPS_PORT=$3" >"$SETTINGS"
}

compose() {
  local files=(--file "$HERE/docker-compose.yml")
  [[ -z $(setting PROXY_HTTPS) ]] || files+=(--file "$HERE/https.yml")
  env -u COMPOSE_FILE -u COMPOSE_PROFILES -u PROXY_HTTP_PORT -u PROXY_HTTPS_PORT \
    PROXY_PROJECT="$PROXY" PROXY_NETWORK="$NETWORK" PROXY_CERTIFICATES="$CERTIFICATES" \
    docker compose --project-name "$PROXY" --env-file "$SETTINGS" "${files[@]}" "$@"
}

setting() { # KEY
  dotenv_get "$SETTINGS" "$1"
}

start_proxy() {
  local names='' renewed=''
  [[ -z $(setting PROXY_HTTPS) ]] || names=$(certificate_names)
  if [[ -n $names ]] && ! certificate_serves "$names"; then
    make_certificate "$names"
    renewed=yes
  fi
  compose up --detach --wait --wait-timeout 60
  [[ -z $renewed ]] || compose exec --no-TTY proxy nginx -s reload 2>/dev/null
  show_status
}

stop_proxy() {
  compose stop
}

remove_proxy() {
  check_nothing_is_joined
  compose down --rmi all --timeout 5
  rm -f "$SETTINGS"
  printf 'The proxy is removed. Its certificates stay in %s, for another time.\n' "$HOME_FOLDER"
}

status_proxy() {
  [[ -n $(compose ps --quiet --status running proxy) ]] || {
    printf 'The proxy is stopped. Start it: library/host/proxy_pass/proxy_pass.sh start\n'
    return 1
  }
  show_status
}

main "$@"
