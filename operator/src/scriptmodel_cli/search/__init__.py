"""What the command shows of searches."""
