# What the person sees: a line a step, refusals, failures. Sourced by install_docker.sh.
# shellcheck shell=bash

# Ends the script before anything was changed: the first line says what is wrong, the others what to do.
refuse() { # WHAT [DO…]
  printf '\n\nStopped, nothing was changed: %s\n' "$1" >&2
  shift
  (($# == 0)) || printf '  %s\n' "$@" >&2
  exit 1
}

confirm() {
  local answer=''
  [[ -t 0 && -t 1 ]] || return 0
  read -r -p 'Go on? [Y/n] ' answer || answer=n
  case $answer in
    '' | [Yy]*) printf '\n' ;;
    *) printf 'Nothing was changed.\n' && exit 1 ;;
  esac
}

begin_step() { # NUMBER TITLE
  local dots='..............................................'
  printf '[%s] %s %s ' "$1" "$2" "${dots:${#2}}"
}

end_step() { # SECONDS
  printf '%d s\n' "$1"
}

start_log() {
  (umask 077 && : >"$LOG")
}

# Runs COMMAND with its output in the log; says how long it took, or why it failed.
step() { # NUMBER TITLE COMMAND…
  local number=$1 title=$2 started=$SECONDS status=0 first_line process=''
  shift 2
  begin_step "$number" "$title"
  printf '\n== [%s] %s\n' "$(date '+%H:%M:%S')" "$title" >>"$LOG"
  first_line=$(($(wc -l <"$LOG") + 1))
  # Job control gives the step a process group of its own, so that an interruption can end all of it.
  set -m
  "$@" >>"$LOG" 2>&1 </dev/null &
  process=$!
  set +m
  show_waiting "$process"
  wait "$process" || status=$?
  ((status == 0)) || step_failed "$title" "$first_line" "$((SECONDS - started))"
  end_step "$((SECONDS - started))"
}

# On a terminal: counts the seconds until the process ends.
show_waiting() { # PROCESS
  local started=$SECONDS text
  [[ -t 1 ]] || return 0
  while kill -0 "$1" 2>/dev/null; do
    text="$((SECONDS - started)) s"
    printf '%s' "$text"
    sleep 0.2
    printf '%s' "${text//?/$'\b \b'}"
  done
}

# From here on, an interruption tells how to go on. Bash looks up the variables of the step that it comes in.
catch_interruptions() {
  trap 'interrupted 130 "${process-}" "${title-}"' INT
  trap 'interrupted 143 "${process-}" "${title-}"' TERM
  trap 'interrupted 129 "${process-}" "${title-}"' HUP
  trap 'interrupted 141 "${process-}" "${title-}"' PIPE # `./deploy.sh | tee`: Ctrl-C ends tee first
}

interrupted() { # STATUS [PROCESS TITLE]
  trap '' INT TERM HUP PIPE
  set +e # the step may have ended by itself: how to go on is told in any case
  if [[ -n $2 ]]; then
    kill -TERM -- "-$2" 2>/dev/null
    wait "$2" 2>/dev/null
    wait_for_group "$2"
  fi
  rm -f .env.new
  report_interruption "${3-}"
  exit "$1"
}

# Returns when nothing of the step acts any more: a command that it had started may take longer to end than itself.
wait_for_group() { # PROCESS
  local limit=$((SECONDS + ${STEP_END_LIMIT:-60}))
  while kill -0 -- "-$1" 2>/dev/null && ((SECONDS < limit)); do sleep 0.1; done
}

step_failed() { # TITLE FIRST_LINE SECONDS
  local output
  output=$(tail -n "+$2" "$LOG")
  {
    printf 'failed after %d s\n\n' "$3"
    tail -n 15 <<<"$output" | sed 's/^/  | /'
    printf '\nFailed: %s\n' "$1"
    explain "$output"
    printf '\nAll of its output: %s\n' "$LOG"
  } >&2
  exit 1
}
