#!/usr/bin/env bash
# Asks for the certificate of DEV and PROD when it is due, the first one too.
set -euo pipefail

# Then it is ended: asked to stop, and 10 s later by force.
readonly TIME_LIMIT=10m

cd /app
# One at a time: 75 tells that the lock is taken. The lock is Python's own (-F), whatever becomes of this shell.
exec timeout --kill-after=10s "$TIME_LIMIT" \
  flock -F -E 75 -n /tmp/renew_certificates.lockfile \
  python -m bedplate.certificates renew
