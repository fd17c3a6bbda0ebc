"""What the command shows and changes of promotion."""
