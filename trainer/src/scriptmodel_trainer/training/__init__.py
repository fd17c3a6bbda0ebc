"""Trains the network with TensorFlow: the loop, the model, its arithmetic, saved state, and the hardware."""
