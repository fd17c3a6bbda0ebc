"""What servers of each version answer to the operator where something is in its way."""
