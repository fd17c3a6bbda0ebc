"""Writing a new script with NumPy alone: network step, grammar, sampling, rendering."""
