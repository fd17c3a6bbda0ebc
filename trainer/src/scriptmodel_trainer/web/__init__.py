"""What the pages of both commands share: who may see them, their layout and style, charts, and changes as they come.

The source tree has this package once; the command `scriptmodel` has it under its own name by a symbolic link. So it
imports only the standard library, aiohttp and Jinja2.
"""
