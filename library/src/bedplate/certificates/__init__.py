"""The site's certificate: asked for by ACME when it is due, or brought by hand, and put where nginx finds it."""
