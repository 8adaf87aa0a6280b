#!/usr/bin/env bash
# What the base project has learned since, brought into this project. `./update_project.sh --help` tells how.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
readonly ROOT

# shellcheck source-path=SCRIPTDIR
source "$ROOT/library/host/install/python.sh"

become_program bedplate.host.project_template .venv-template "$@"
