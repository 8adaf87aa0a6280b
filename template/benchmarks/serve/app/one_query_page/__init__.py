"""The measured application, beside the project's own: mounted into its image, never part of it."""
