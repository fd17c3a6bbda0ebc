"""What is done once around an installation: checking it, and letting go of it."""
