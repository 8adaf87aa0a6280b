# The lock that all have who change this installation. Sourced by the scripts in the root.
# shellcheck shell=bash

# Takes it, or fails at once. A script that was started by the one that holds it has it already, by the open file 9.
take_lock() {
  [[ /dev/fd/9 -ef install_docker.sh ]] || exec 9<install_docker.sh
  if command -v flock >/dev/null; then
    flock -n 9
  else # macOS
    perl -e 'use Fcntl ":flock"; open(my $lock, "<&=", 9) or die; exit !flock($lock, LOCK_EX | LOCK_NB)'
  fi
}
