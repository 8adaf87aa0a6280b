#!/bin/sh
# Opens or closes the site as MAINTENANCE says, which all machines of a swarm have. Without it, the site stays as it was.
[ -z "${MAINTENANCE-}" ] || exec maintenance "$MAINTENANCE"
