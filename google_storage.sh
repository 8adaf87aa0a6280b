#!/usr/bin/env bash
# Creates, lists, restores and verifies backups. `./google_storage.sh --help` prints its options.
set -euo pipefail

exec "$(dirname "${BASH_SOURCE[0]}")/bedplate" google_storage "$@"
