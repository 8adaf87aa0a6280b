#!/usr/bin/env bash
# Runs the tests; see --help.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: ./run_tests.sh [all | fast | tools | stack]

  all     everything (the default)
  fast    linters, types, the application's tests on SQLite, the frontend's. No Docker.
  tools   known vulnerabilities of the dependencies, and their licences. No Docker.
  stack   LOCAL and PROD in real containers, with a real browser (Chromium): logging in, a background task, the
          application's tests on PostgreSQL, a backup that comes back, a deploy

In the base project's own repository, its library is tested too: fast, its applications; tools, backups, certificates,
installing, embedded mode, making and updating projects; stack, all that the documentation promises.

Sets up what it needs: Python's tools in .venv, Node's in web/frontend/node_modules, and Node itself where this
machine has none that will do. The stack tests need a Docker engine and Chromium; as root on Debian, or when CI
is set, it installs both, and makes the base images where no registry can be reached. They use projects, ports
and volumes of their own, and clean up.
TEXT
}

wrong_usage() {
  printf '%s\n\n' "$1" >&2
  usage >&2
  exit 2
}

say() {
  printf '\n\033[1m== %s (%d:%02d)\033[0m\n' "$1" $((SECONDS / 60)) $((SECONDS % 60))
}

fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

prepare_python() {
  say "Python's tools, in .venv"
  # shellcheck source=library/host/install/python.sh
  source library/host/install/python.sh
  local stamp=.venv/.requirements ROOT=$PWD
  if ! cmp --silent web/requirements-tools.txt "$stamp"; then
    rm -rf .venv
    "$(find_python .venv)" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check \
      --require-hashes --requirement web/requirements-tools.txt
    cp web/requirements-tools.txt "$stamp"
  fi
  # The library as it is here, for tests and IDEs.
  local packages
  packages=$(echo .venv/lib/python*/site-packages)
  printf '../../../../library/src\n' >"$packages/bedplate.pth"
  export PATH="$PWD/.venv/bin:$PATH"
}

prepare_node() {
  [ -d web/frontend ] || return 0
  say "Node's tools, in web/frontend/node_modules"
  # Embedded mode's Node, where this machine has none that will do.
  local node
  node=$(PYTHONPATH=library/src python -P -m bedplate.host.embedded.node)
  [[ -z $node ]] || export PATH="$PWD/.venv/bin:$node:$PATH"
  (
    cd web/frontend
    cmp --silent package-lock.json node_modules/.lock && exit 0
    npm ci --no-audit --no-fund && cp package-lock.json node_modules/.lock
  )
}

lint() {
  say 'Linters and types'
  local -a scripts dockerfiles yaml
  mapfile -t scripts < <(git ls-files -co --exclude-standard '*.sh' .ci/run '.githooks/*' cron/recorded 'library/nginx/commands/*')
  mapfile -t dockerfiles < <(git ls-files -co --exclude-standard '*Dockerfile*')
  mapfile -t yaml < <(git ls-files -co --exclude-standard '*.yml' '*.yaml')
  (cd web && ruff check . && ruff format --check . && mypy . && mypy ../tests && djlint templates --check --lint --quiet)
  ruff check --config web/pyproject.toml tests
  ruff format --config web/pyproject.toml --check tests
  if [ -d template ]; then
    mypy --config-file library/tests/system/mypy.ini library/tests/system
    ruff check --config web/pyproject.toml library
    ruff format --config web/pyproject.toml --check library
    mypy --config-file library/mypy.ini library
    # What has models, with Django's plugin and the project's settings.
    (cd web && mypy ../library/src/bedplate/{django,testing/{mail,plugin,worker,migrations,translations}.py} ../library/tests/applications)
    djlint library/src --configuration web/pyproject.toml --check --lint --quiet
    MYPYPATH=template:template/tests:template/benchmarks/mutations \
      mypy --config-file library/tests/system/mypy.ini template/new_project template/tests template/benchmarks/mutations
    ruff check --config web/pyproject.toml template
    ruff format --config web/pyproject.toml --check template
    mypy --config-file library/tests/system/mypy.ini template/benchmarks/reload
    MYPYPATH=library/tests/system mypy --config-file library/tests/system/mypy.ini template/benchmarks/roles.py
    mypy --config-file library/tests/system/mypy.ini template/benchmarks/soak
    MYPYPATH=template/tests mypy --config-file library/tests/system/mypy.ini template/benchmarks/weight.py
    MYPYPATH=template/tests:template/benchmarks/backup mypy --config-file library/tests/system/mypy.ini template/benchmarks/projects
    MYPYPATH=template/benchmarks/backup mypy --config-file library/tests/system/mypy.ini template/benchmarks/backup
    mypy --config-file template/mypy.ini template/benchmarks/serve
  else
    PYTHONPATH=library/src python -P -m bedplate.host.library_hashes
  fi
  check_reasons
  check_marks
  python -m bedplate.documentation --check # the picture of the services, the index of the pages
  shellcheck "${scripts[@]}"
  shfmt --indent 2 --case-indent --diff "${scripts[@]}"
  hadolint "${dockerfiles[@]}"
  yamllint --strict "${yaml[@]}"
  if [ -d .github ]; then zizmor --offline --pedantic --quiet --no-progress .github; fi
  if [ -d web/frontend ]; then (cd web/frontend && npm run --silent check); fi
}

# Whoever lets a security rule (ruff's S) pass says why, in the same line.
check_reasons() {
  ! git grep -nE '# noqa: S[0-9]+$' -- '*.py' || fail 'Say why: # noqa: S… - the reason'
}

# What git could not merge is decided before it is committed.
check_marks() {
  ! git grep -nE '^(<{7}|>{7}) ' || fail 'Decide between these marks, and remove them.'
}

audit() {
  say 'Known vulnerabilities of the dependencies, and their licences'
  python -m bedplate.supply_chain.audit
  python -m bedplate.supply_chain.licences --check
}

test_fast() {
  say "The application's tests, on SQLite"
  (cd web && python -m pytest --numprocesses 3 --dist worksteal) # many of them wait for a worker
  if [ -d library/tests ]; then
    say "The library's applications, on SQLite"
    python -m pytest library/tests/applications --numprocesses 3 --dist worksteal
  fi
  if [ -d web/frontend ]; then
    say "The frontend's tests"
    (cd web/frontend && npm test --silent)
  fi
}

test_tools() {
  audit
  if [ -d library/tests ]; then
    say 'The library: backups and certificates'
    python -m pytest library -m 'not postgresql' --numprocesses 2
    say 'Installing: embedded mode, and bad input'
    python -m pytest library/tests/system -m 'not stack' --numprocesses 2 # see conftest.py
  fi
  if [ -d template ]; then
    say 'Making and updating projects'
    python -m pytest template/tests -m 'not stack' --numprocesses 2
  fi
}

prepare_engine() {
  say 'A Docker engine, and the base images'
  if [ -x template/base_images/engine.sh ]; then
    template/base_images/engine.sh
    template/base_images/build.sh
  fi
  docker info >/dev/null 2>&1 || fail 'No Docker engine answers: start Docker, or run ./run_tests.sh fast.'
}

prepare_browser() {
  command -v chromium >/dev/null && return
  say 'Chromium'
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install --yes --no-install-recommends -qq chromium >/dev/null
  else
    fail 'The browser tests need Chromium on PATH: install your distribution'\''s package "chromium".'
  fi
}

test_stack() {
  if [ -d template ]; then
    say 'The stack, in containers'
    python -m pytest library/tests/system -m stack --numprocesses 2 # see conftest.py
    say 'New projects, in containers; tests/ are theirs'
    python -m pytest template/tests -m stack
  else
    say 'The project, in containers'
    python -m pytest tests
  fi
}

main() {
  cd "$(dirname "$0")"
  local part=${1:-all}
  case $part in
    all | fast | tools | stack) ;;
    -h | --help) usage && exit ;;
    *) wrong_usage "There is no part '$part'." ;;
  esac
  (($# < 2)) || wrong_usage "One part at a time: $1, or $2."
  prepare_python
  if [[ $part != stack ]]; then prepare_node; fi
  if [[ $part == all || $part == fast ]]; then
    lint
    test_fast
  fi
  if [[ $part == all || $part == tools ]]; then test_tools; fi
  if [[ $part == all || $part == stack ]]; then
    prepare_engine
    prepare_browser
    test_stack
  fi
  say 'All passed'
}

main "$@"
