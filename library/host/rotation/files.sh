# The files of a secret that is rotated, and their lines. Sourced by rotate_secret.sh.
#
# A file of secrets/ is replaced in one move. What runs has the file that it started with; what starts gets the new one.
# secrets/.NAME.next is the new secret while a rotation is under way: a run that was killed goes on with it.
# secret_key and postgres_password may have lines: the first is used, those below are taken too. So at no time is there
# anything running that would not take what another uses: first everything learns the next, then everything uses it.
# shellcheck shell=bash

# Puts standard input in the place of a secret, in one move, for its owner alone from the first byte on.
replace_secret() {
  (umask 077 && cat >"$BESIDE")
  close_secret "$BESIDE"
  mv -f "$BESIDE" "$CURRENT"
}

# The new secret: what was given, what a killed run was about to use, or one made now.
keep_next() {
  # What a killed run left in place has not been tried; but with lines, it works whatever was done.
  if has_lines || [[ ! -e $PREVIOUS ]]; then
    cp -p "$CURRENT" "$BESIDE"
    mv -f "$BESIDE" "$PREVIOUS"
  fi
  if [[ -n $NEW ]]; then
    printf '%s\n' "$NEW" | put_secret ".$NAME.next"
  elif [[ ! -s $NEXT ]]; then
    make_secret "$NAME" | put_secret ".$NAME.next"
  fi
}

has_lines() {
  is_one_of "$NAME" 'secret_key postgres_password'
}

next() {
  local value
  value=$(<"$NEXT")
  if [[ $NAME == dev_password ]]; then value=$(as_door "$value"); fi
  printf '%s\n' "$value"
}

# Prints the first lines of the secret, each with its end.
first_lines() { # NUMBER
  grep -m "$1" . "$CURRENT"
}

# Prints the lines of the secret that are not the new one.
others() {
  grep -vxF -f "$NEXT" "$CURRENT" | grep . || true # with none left grep says no, which is no failure
}

is_in_use() { # whether the new secret is the first line
  [[ $(first_lines 1) == "$(next)" ]]
}

move_next() {
  next | replace_secret
}

learn() {
  is_in_use || { first_lines 1 && next && others | tail -n +2; } | replace_secret
}

use_next() {
  is_in_use || { next && others; } | replace_secret
}

keep_lines() { # NUMBER
  first_lines "$1" | replace_secret
}
