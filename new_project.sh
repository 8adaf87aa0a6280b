#!/usr/bin/env bash
# The earlier name of `./bedplate new`. It goes with release 1.3.
set -euo pipefail

printf '%s is now ./bedplate new; this name goes with release 1.3.\n' "$0" >&2
exec "$(dirname "${BASH_SOURCE[0]}")/bedplate" new "$@"
