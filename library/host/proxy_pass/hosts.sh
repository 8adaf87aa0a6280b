# Names that end in .local need a line in /etc/hosts. Sourced by proxy_pass.sh.
# shellcheck shell=bash

readonly HOSTS_FILE=${PROXY_HOSTS_FILE:-/etc/hosts}

# Adds the name if it may, and is told to; otherwise prints the command that does.
offer_hosts() { # ASSUME_YES NAME
  local line="127.0.0.1 $2"
  ! has_host "$2" || return 0
  if [[ -w $HOSTS_FILE ]] && agrees "$1" "$line"; then
    [[ -z $(tail -c 1 "$HOSTS_FILE") ]] || printf '\n' >>"$HOSTS_FILE"
    printf '%s\n' "$line" >>"$HOSTS_FILE"
    printf 'Added to %s: %s\n' "$HOSTS_FILE" "$line"
  else
    printf 'For http://%s, if you want it:  echo "%s" | sudo tee -a %s\n' "$2" "$line" "$HOSTS_FILE"
  fi
}

has_host() { # NAME
  awk -v name="$1" '{sub(/#.*/, ""); for (i = 2; i <= NF; i++) if ($i == name) found = 1} END {exit !found}' \
    "$HOSTS_FILE" 2>/dev/null
}

agrees() { # ASSUME_YES LINE
  local answer=''
  [[ $1 != yes ]] || return 0
  [[ -t 0 && -t 1 ]] || return 1
  read -r -p "Add \"$2\" to $HOSTS_FILE? [Y/n] " answer || return 1
  [[ $answer == '' || $answer == [Yy]* ]]
}
