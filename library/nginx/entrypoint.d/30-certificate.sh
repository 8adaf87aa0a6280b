#!/bin/sh
# Provides a certificate before nginx starts, and watches for the next one. See commands/certificate.
set -eu

[ "$ENTRY" = public ] || exit 0
certificate adopt
# The container does not depend on it: it ends with nginx, and nginx keeps running without it.
certificate watch &
