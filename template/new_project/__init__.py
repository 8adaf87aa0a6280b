"""Makes a project from this clone of the base project: `./new_project.sh`."""
