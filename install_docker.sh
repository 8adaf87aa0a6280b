#!/usr/bin/env bash
# From a clone to the running stack. `./install_docker.sh --help` lists the steps and options.
set -euo pipefail

exec "$(dirname "${BASH_SOURCE[0]}")/bedplate" install "$@"
