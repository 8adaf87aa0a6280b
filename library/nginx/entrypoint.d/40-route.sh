#!/bin/sh
# Sets the default route to the application before nginx starts. See commands/route.
exec route
