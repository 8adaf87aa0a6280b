"""PROD on several machines: Docker Swarm deploys prod.yml with swarm.yml (library/docs/how-to/several-machines.md)."""
