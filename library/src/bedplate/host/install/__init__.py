"""Install the project on this machine, with Docker: `./install_docker.sh`."""
