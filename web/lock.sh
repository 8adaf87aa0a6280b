#!/usr/bin/env bash
# Compiles web/pyproject.toml, and in the base project what makes and updates projects, into the hashed requirement files. Needs uv. Options go to uv, for example --upgrade.
set -euo pipefail

main() {
  cd "$(dirname "$0")"
  local -a lock=(uv pip compile --universal --generate-hashes --python-version 3.12 --no-header --quiet "$@")
  local -a compile=("${lock[@]}" pyproject.toml)
  "${compile[@]}" --output-file requirements.txt
  "${compile[@]}" --output-file requirements-cron.txt --constraints requirements.txt --group cron
  "${compile[@]}" --output-file requirements-dev.txt --constraints requirements-cron.txt --group dev
  "${compile[@]}" --output-file requirements-tools.txt --constraints requirements-dev.txt --group tools
  [[ -d ../template ]] || return 0 # the library's own come with it
  "${lock[@]}" ../library/tests/requirements.in --constraints requirements-tools.txt --output-file ../library/tests/requirements.txt
  cd ../library/src/bedplate/host/project_template
  "${lock[@]}" requirements.in --output-file requirements.txt
}

main "$@"
