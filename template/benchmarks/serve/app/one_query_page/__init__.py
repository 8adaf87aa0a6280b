"""The application that is measured, beside the project's own: mounted into its image, never part of it."""
