#!/bin/sh
# Configures the trusted proxies before nginx starts. See commands/clients.
set -eu

[ "$ENTRY" = public ] || exit 0
exec clients
