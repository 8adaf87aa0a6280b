"""The site's certificate: requested by ACME when it is due, or installed by hand, and given to nginx."""
