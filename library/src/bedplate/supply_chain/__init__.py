"""The project's dependencies: vulnerability audits, parts lists of images, licenses."""
