"""From a spec to the pipelines, commands and digests that it wants. Pure."""
