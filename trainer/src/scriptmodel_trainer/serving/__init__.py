"""Serves models over HTTP: completions as OpenAI's API has them, and pages to look at models and to write with them."""

from importlib.util import find_spec

from scriptmodel_trainer.errors import BadInputError

if find_spec("aiohttp") is None:
    raise BadInputError("aiohttp is not installed", "in a checkout: pip install './trainer[serve]'")
