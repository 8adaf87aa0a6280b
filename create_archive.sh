#!/usr/bin/env bash
# The earlier name of `./bedplate archive`. It goes with release 1.3.
set -euo pipefail

printf '%s is now ./bedplate archive; this name goes with release 1.3.\n' "$0" >&2
exec "$(dirname "${BASH_SOURCE[0]}")/bedplate" archive "$@"
