"""Storage: metadata in SQLite, file contents by their digest."""
