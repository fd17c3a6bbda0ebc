"""Decides what to do about an object, and summarises it. Pure."""
