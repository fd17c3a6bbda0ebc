"""Serves models over HTTP: completions as OpenAI's API has them, and pages to look at models and to write with them."""
