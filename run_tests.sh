#!/usr/bin/env bash
# Runs the tests. `./run_tests.sh --help` prints which.
set -euo pipefail

exec "$(dirname "${BASH_SOURCE[0]}")/bedplate" test "$@"
