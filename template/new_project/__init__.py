"""Makes a project from this clone of the base project: `./bedplate new`."""
