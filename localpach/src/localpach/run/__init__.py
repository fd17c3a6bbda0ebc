"""The processes of jobs: their file tree, their limits, their termination."""
