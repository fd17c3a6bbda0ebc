"""The commands, one module each or for a few that are alike; a module is imported when its command is called."""
