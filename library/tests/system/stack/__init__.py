"""The LOCAL stack and the production image, in real containers and a real browser."""
