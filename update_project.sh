#!/usr/bin/env bash
# The earlier name of `./bedplate update`. It goes with release 1.3.
set -euo pipefail

printf '%s is now ./bedplate update; this name goes with release 1.3.\n' "$0" >&2
exec "$(dirname "${BASH_SOURCE[0]}")/bedplate" update "$@"
