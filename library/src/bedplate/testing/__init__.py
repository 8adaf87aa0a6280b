"""For tests, a project's too: fixtures, a project's stack in containers, stand-ins for what is elsewhere."""
