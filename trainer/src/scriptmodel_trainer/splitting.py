"""What stays together when a corpus is split."""

SCENES, FILES = "scenes", "files"
