"""Pack the project for a client or another company: `./bedplate archive`. Standard library only."""
