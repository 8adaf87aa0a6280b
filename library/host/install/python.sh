# Finds a Python that is new enough, and becomes a program in it. Sourced by the scripts whose code is Python, and run_tests.sh.
# shellcheck shell=bash

readonly PYTHON_MINIMUM=3.12
readonly PYTHON_OF_CONTAINERS=3.14

# Becomes a package of the library (bedplate.host.…), or of template/ where there is one, which is run as a program.
# ENVIRONMENT is the folder of the environment that it makes, or empty.
become_program() { # PACKAGE ENVIRONMENT ARGUMENTS…
  local package=$1 environment=$2 python
  shift 2
  case " $* " in *' --help '* | *' -h '*) environment='' ;; esac
  python=$(find_python "$environment")
  PYTHONPATH="$ROOT/library/src:$ROOT/template" exec "$python" -P -m "$package" "$@"
}

# Prints the first Python that will do; without one, tells what there is and what to do, and fails. With the name of an
# environment that is going to be made, it must be able to: what has made the one that is there is taken again.
find_python() { # [ENVIRONMENT]
  local environment=${1-} python
  if [[ -n $environment && -e $ROOT/$environment/.complete ]]; then
    python=$("$ROOT/$environment/bin/python" -I -c 'import sys; print(sys._base_executable)' 2>/dev/null || printf '')
    if [[ -n $python ]] && python_will_do "$python"; then
      printf '%s\n' "$python"
      return
    fi
  fi
  while IFS= read -r python; do
    if python_will_do "$python" && { [[ -z $environment ]] || makes_environments "$python"; }; then
      printf '%s\n' "$python"
      return
    fi
  done < <(python_candidates)
  explain_no_python "$environment" >&2
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
  "$1" -I -c "import sys; assert sys.version_info >= (${PYTHON_MINIMUM/./, }); import sqlite3, ssl" 2>/dev/null
}

# Tries it, in a temporary folder: a Python may lack a module, a library, or the pip that it should bring.
makes_environments() { # PYTHON
  PYTHONPATH="$ROOT/library/src" "$1" -P -m bedplate.host.embedded.trial_environment </dev/null >/dev/null 2>&1
}

has_uv() {
  command -v uv >/dev/null
}

python_version() { # PYTHON
  "$1" -I -c 'import platform; print(platform.python_version())' 2>/dev/null || printf 'does not start\n'
}

explain_no_python() { # [ENVIRONMENT]
  local python
  printf 'Stopped, nothing was changed: no usable Python %s or newer on PATH, nor among those of uv and pyenv.\n' \
    "$PYTHON_MINIMUM"
  while IFS= read -r python; do
    printf '  %-16s %s%s\n' "$(python_version "$python")" "$python" "$(what_is_wrong "$python" "${1-}")"
  done < <(python_candidates)
  printf 'Install one, then run this again. For example:\n'
  printf '  uv python install %s       https://docs.astral.sh/uv/\n' "$PYTHON_OF_CONTAINERS"
  printf '  pyenv install %s           https://github.com/pyenv/pyenv\n' "$PYTHON_OF_CONTAINERS"
  printf '  apt install python3-venv     Debian 13, Ubuntu 24.04 and newer\n'
  printf '  brew install python@%s     macOS\n' "$PYTHON_OF_CONTAINERS"
}

what_is_wrong() { # PYTHON ENVIRONMENT
  if python_will_do "$1"; then
    [[ -z $2 ]] || printf '  (cannot make an environment; to see why: %s -m venv /tmp/try)' "$1"
  elif "$1" -I -c "import sys; assert sys.version_info >= (${PYTHON_MINIMUM/./, })" 2>/dev/null; then
    printf '  (without the modules sqlite3 and ssl)'
  fi
}
