#!/bin/sh
# Before nginx starts: it finds the application by its name. See commands/route.
exec route
