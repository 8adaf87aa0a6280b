#!/usr/bin/env bash
# From a clone to the running project, without Docker. `./install_embedded.sh --help` lists the steps and options.
set -euo pipefail

exec "$(dirname "${BASH_SOURCE[0]}")/bedplate" embedded "$@"
