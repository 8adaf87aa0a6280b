#!/bin/sh
# Becomes the given command, valkey-server as the user valkey. Options alone are options of valkey-server.
set -e

case "${1:-}" in
  -* | *.conf) set -- valkey-server "$@" ;;
esac

if [ "$1" = valkey-server ] && [ "$(id -u)" = 0 ]; then
  find . ! -user valkey -exec chown valkey {} +
  exec setpriv --reuid=valkey --regid=valkey --init-groups "$0" "$@"
fi

# The official build answers other containers by default, Debian's only with a password.
# Valkey takes the last setting, so one in a configuration file would be lost: look there first.
if [ "$1" = valkey-server ]; then
  umask 0077
  shift
  case "${1:-}" in
    -v | --version | -h | --help) ;;
    *.conf) grep -q '^ *protected-mode' "$1" || set -- "$@" --protected-mode no ;;
    *) set -- --protected-mode no "$@" ;;
  esac
  set -- valkey-server "$@"
fi

exec "$@"
