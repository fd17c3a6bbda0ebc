"""Search: many trainings with other hyperparameters, the best of which writes the script (spec.search)."""
