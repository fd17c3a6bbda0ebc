"""Decides what to do about an object (pure), carries it out, and summarises it; and the queue that drives this."""
