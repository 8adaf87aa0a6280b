#!/bin/sh
# Runs what is in /docker-entrypoint.d, in order, then becomes the given command.
set -e

run_entrypoint_files() {
  for file in /docker-entrypoint.d/*; do
    case "$file" in
      *.envsh)
        # shellcheck source=/dev/null
        if [ -x "$file" ]; then . "$file"; fi
        ;;
      *.sh) if [ -x "$file" ]; then "$file"; fi ;;
    esac
  done
}

case "$1" in
  nginx | nginx-debug) run_entrypoint_files ;;
esac

exec "$@"
