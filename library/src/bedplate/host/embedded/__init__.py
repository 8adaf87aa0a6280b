"""Set up and run the project without Docker: `./install_embedded.sh`. Standard library only."""
