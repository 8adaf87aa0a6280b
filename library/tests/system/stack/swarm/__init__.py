"""Three machines of a swarm, each a container with an engine of its own, and what they need around them."""
