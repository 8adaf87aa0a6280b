#!/bin/sh
# Before nginx starts: it knows which proxies to believe. See commands/clients.
set -eu

[ "$ENTRY" = public ] || exit 0
exec clients
