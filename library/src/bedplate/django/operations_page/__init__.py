"""The page for staff that answers whether the site is well, and the same facts for Prometheus."""
