"""Packs the project for a client or another company: `./create_archive.sh`. Standard library only."""
