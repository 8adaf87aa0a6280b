#!/usr/bin/env bash
# <TASK_DESCRIPTION>
set -euo pipefail

# At the limit the task gets SIGTERM, and SIGKILL 10 s later.
readonly TIME_LIMIT=10m

cd /app
# One at a time: exit code 75 means that the lock is held. Python itself holds it (-F), even if this shell is killed.
exec timeout --kill-after=10s "$TIME_LIMIT" \
  flock -F -E 75 -n /tmp/TASK_NAME.lockfile \
  python manage.py TASK_NAME
