"""The parts of a project's pages that are made from its files: the picture of its services, the index of its pages."""
