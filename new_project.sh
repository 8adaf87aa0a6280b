#!/usr/bin/env bash
# A new project, made from this clone. `./new_project.sh --help` tells how.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
readonly ROOT

# shellcheck source-path=SCRIPTDIR
source "$ROOT/install/python.sh"

main() {
  local python
  python=$(find_python)
  PYTHONPATH="$ROOT/install:$ROOT/template" exec "$python" -P -m new_project "$@"
}

main "$@"
