"""What the operator asks of the engine that computes and keeps results: a port, its values and its errors."""
