"""Worker processes that can be stopped."""
