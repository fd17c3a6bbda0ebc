"""Whose voice a speech has: characters and authors of a corpus compared by their letters, and a draft's habits."""
