#!/bin/sh
# Before nginx starts: it has a certificate, and is going to notice the next one. See commands/certificate.
set -eu

[ "$ENTRY" = public ] || exit 0
certificate adopt
# It has no part in the container's life: it ends with nginx, and nginx goes on without it.
certificate watch &
