"""Where everything is kept: metadata in SQLite, contents under their own digest."""
