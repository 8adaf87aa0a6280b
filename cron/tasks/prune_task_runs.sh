#!/usr/bin/env bash
# Deletes the record of old background tasks.
set -euo pipefail

# Then it is ended: asked to stop, and 10 s later by force.
readonly TIME_LIMIT=10m

cd /app
# One at a time: 75 tells that the lock is taken. The lock is Python's own (-F), whatever becomes of this shell.
exec timeout --kill-after=10s "$TIME_LIMIT" \
  flock -F -E 75 -n /tmp/prune_task_runs.lockfile \
  python manage.py prune_task_runs
