"""`spec.generation`: the script to be written."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from scriptmodel_operator.api.fields import AS_DECIMAL, ApiModel, Seed, decimal, formatted

_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_LINE = r"^[^\x00-\x1f\x7f]*$"


class Generation(ApiModel):
    """The script to be written. Changing it writes a new script and does not train again."""

    words: Annotated[int, Field(ge=1, le=1000000)] = 1000
    """Length of the script in words, at most."""
    temperature: Annotated[str, decimal(at_most=10), AS_DECIMAL] = "0.8"
    """Below 1 the script keeps to what is likely, above 1 it dares more; 0 always takes the likeliest word."""
    top_p: Annotated[str, decimal(above=0, at_most=1), AS_DECIMAL] = "0.95"
    """Only the likeliest words that together have this share are drawn from."""
    top_k: Annotated[int, Field(ge=0, le=1000000)] = 0
    """Sample from this many of the most probable words only; 0 for all."""
    repetition_penalty: Annotated[str, decimal(at_least=1, at_most=100), AS_DECIMAL] = "1.2"
    """Divides the probability of each word that was written recently; 1 for no penalty."""
    seed: Seed = 0
    """Another seed writes another script from the same model."""
    prompt: Annotated[str, formatted(_TEXT, "text without control characters", max_length=1000)] = ""
    """Words that the script begins with."""
    speaker: Annotated[str, formatted(_LINE, "one line without control characters", max_length=100)] = ""
    """Who speaks first."""
    samples: Annotated[int, Field(ge=1, le=100)] = 1
    """Number of scripts; further ones are new_script.2.txt and so on."""
