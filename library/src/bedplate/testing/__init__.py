"""Test support, also for projects: fixtures, a project's stack in containers, fakes of external services."""
