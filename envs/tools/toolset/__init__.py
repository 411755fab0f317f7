"""The shipped tools: one file is one tool, or one service with a state of its own."""
