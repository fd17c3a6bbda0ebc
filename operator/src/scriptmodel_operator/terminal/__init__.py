"""What the command `scriptmodel` prints, and how it reaches the cluster."""
