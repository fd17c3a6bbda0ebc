"""Trains the network with TensorFlow: the options of a run, the loop, its arithmetic and saved state."""
