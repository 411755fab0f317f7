"""Labels from slow judges: a queue, a budget, a cache on disk, and a thread that the policy never waits for."""
