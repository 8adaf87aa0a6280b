# Finds a Python that is new enough, and becomes a program in it. Sourced by the scripts whose code is Python, and run_tests.sh.
# shellcheck shell=bash

readonly PYTHON_MINIMUM=3.12
readonly PYTHON_OF_CONTAINERS=3.14

# Becomes a package in install/, or in template/ where there is one, which is run as a program.
become_program() { # PACKAGE ARGUMENTS…
  local python
  python=$(find_python)
  PYTHONPATH="$ROOT/install:$ROOT/template" exec "$python" -P -m "$@"
}

# Prints the first Python that will do; without one, tells what there is and what to do, and fails.
find_python() {
  local python
  while IFS= read -r python; do
    if python_will_do "$python"; then
      printf '%s\n' "$python"
      return
    fi
  done < <(python_candidates)
  explain_no_python >&2
  return 1
}

# Every Python of this machine, best first: the containers' version, then the newest that packages are built for.
python_candidates() {
  local name
  for name in "python$PYTHON_OF_CONTAINERS" python3.13 python3.12 python3.15 python3 python; do
    type -ap "$name" || continue
  done
  if has_uv; then
    uv python find --no-python-downloads ">=$PYTHON_MINIMUM" 2>/dev/null || printf ''
  fi
  pyenv_pythons
}

# pyenv's shims on PATH refuse a version that is installed but not selected; its folder does not.
pyenv_pythons() {
  local versions="${PYENV_ROOT:-${HOME-}/.pyenv}/versions"
  if [[ -d $versions ]]; then
    find "$versions" -mindepth 1 -maxdepth 1 -name '3.*' | sort -V -r | sed 's|$|/bin/python|'
  fi
}

python_will_do() { # PYTHON
  "$1" -I -c "import sys; assert sys.version_info >= (${PYTHON_MINIMUM/./, }); import $(needed_modules)" 2>/dev/null
}

# uv makes environments by itself.
needed_modules() {
  if has_uv; then
    printf 'sqlite3, ssl'
  else
    printf 'sqlite3, ssl, ensurepip, venv'
  fi
}

has_uv() {
  command -v uv >/dev/null
}

python_version() { # PYTHON
  "$1" -I -c 'import platform; print(platform.python_version())' 2>/dev/null || printf 'does not start\n'
}

explain_no_python() {
  local python
  printf 'Stopped, nothing was changed: no usable Python %s or newer on PATH, nor among those of uv and pyenv.\n' \
    "$PYTHON_MINIMUM"
  while IFS= read -r python; do
    printf '  %-16s %s\n' "$(python_version "$python")" "$python"
  done < <(python_candidates)
  printf '(One that is listed and new enough lacks a module of: %s.)\n' "$(needed_modules)"
  printf 'Install one, then run this again. For example:\n'
  printf '  uv python install %s       https://docs.astral.sh/uv/\n' "$PYTHON_OF_CONTAINERS"
  printf '  pyenv install %s           https://github.com/pyenv/pyenv\n' "$PYTHON_OF_CONTAINERS"
  printf '  apt install python3-venv     Debian 13, Ubuntu 24.04 and newer\n'
  printf '  brew install python@%s     macOS\n' "$PYTHON_OF_CONTAINERS"
}
