"""The judge of scripts: figures beside those of held-out text, and a verdict."""
