"""Corpus sources that the operator itself puts into a repo of the object's own."""
