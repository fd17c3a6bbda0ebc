"""Decides when an object is reconciled, reconciles it, and writes its status and events."""
