"""What the project is made of, and whether that is known to be unsafe: audits, parts lists of images, licences."""
