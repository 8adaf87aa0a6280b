"""The proxy of this machine: http://<project>.localhost."""
