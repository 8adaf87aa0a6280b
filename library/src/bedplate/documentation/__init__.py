"""The generated parts of a project's pages: the diagram of its services, the index of its pages."""
