"""What a training leaves: the model directory and its description, bases, and the runs of a search."""
