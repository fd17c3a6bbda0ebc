"""From files of scripts to one token stream: reading, layouts, tokens, splits."""
