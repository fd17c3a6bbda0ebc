"""The language model: words, hyperparameters, and the network in NumPy and in TensorFlow beside each other."""
