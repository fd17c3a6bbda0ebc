"""The commands of the program; a module is imported when one of its commands is called."""
