#!/usr/bin/env bash
# From a clone to the running project, without Docker. `./install_embedded.sh --help` tells what it does.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
readonly ROOT

# shellcheck source-path=SCRIPTDIR
source "$ROOT/library/host/install/python.sh"

environment=.venv-embedded
# Without one, a manage.py command is refused, and makes none.
[[ ${1-} != manage || -e $ROOT/$environment/.complete ]] || environment=''
become_program bedplate.host.embedded "$environment" "$@"
