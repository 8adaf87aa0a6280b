#!/usr/bin/env bash
# A zip to hand the project over with. `./create_archive.sh --help` tells what is in it.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
readonly ROOT

# shellcheck source-path=SCRIPTDIR
source "$ROOT/library/host/install/python.sh"

become_program bedplate.host.archive '' "$@"
