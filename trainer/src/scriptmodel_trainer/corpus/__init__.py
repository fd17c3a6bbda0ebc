"""Reads files of scripts into one token stream: reading, layouts, tokens, splits."""
