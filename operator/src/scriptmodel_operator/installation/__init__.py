"""Commands that run once for an installation: check it, and remove its finalizers."""
