#!/usr/bin/env bash
# Backs up PROD's database and media.
set -euo pipefail

# Then it is ended: asked to stop, and 10 s later by force.
readonly TIME_LIMIT=6h

cd /app
# One at a time: 75 tells that the lock is taken. The lock is Python's own (-F), whatever becomes of this shell.
exec timeout --kill-after=10s "$TIME_LIMIT" \
  flock -F -E 75 -n /tmp/backup.lockfile \
  python -m bedplate.backup --backup --scheduled
