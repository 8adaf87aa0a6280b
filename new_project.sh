#!/usr/bin/env bash
# A new project, made from this clone. `./new_project.sh --help` tells how.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
readonly ROOT

# shellcheck source-path=SCRIPTDIR
source "$ROOT/library/host/install/python.sh"

become_program new_project .venv-template "$@"
