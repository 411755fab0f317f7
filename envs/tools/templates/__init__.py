"""The shipped templates of tasks: one file is one template, found by its file."""
