"""What `./bedplate add-app` writes."""
