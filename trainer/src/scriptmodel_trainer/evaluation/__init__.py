"""How well a model predicts a text: perplexity, and nats per character."""
