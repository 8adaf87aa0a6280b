"""Replace the release that serves by the next one: `./bedplate deploy`."""
