"""Replace a secret while the site is open: `./bedplate rotate-secret`."""
