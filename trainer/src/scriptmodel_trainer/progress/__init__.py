"""Reports the progress of a command: events, listeners that show them, and the log in the model directory."""
