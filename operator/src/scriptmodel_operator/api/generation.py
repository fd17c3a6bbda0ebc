"""`spec.generation`: the script to be written."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from scriptmodel_operator.api.fields import ApiModel, Decimal, Seed, rules


class Generation(ApiModel):
    """The script to be written. Changing it writes a new script and does not train again."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.temperature) || double(self.temperature) <= 10.0",
                "temperature must be at most 10",
            ),
            (
                "!has(self.topP) || double(self.topP) > 0.0 && double(self.topP) <= 1.0",
                "topP must be above 0 and at most 1",
            ),
        )
    )

    words: Annotated[int, Field(ge=1, le=1000000)] = 1000
    """Length of the script in words, at most."""
    temperature: Decimal = "0.8"
    """Below 1 the script keeps to what is likely, above 1 it dares more; 0 always takes the likeliest word."""
    top_p: Decimal = "0.95"
    """Only the likeliest words that together have this share are drawn from."""
    seed: Seed = 0
    """Another seed writes another script from the same model."""
    prompt: Annotated[str, Field(max_length=1000)] = ""
    """Words that the script begins with."""
    speaker: Annotated[str, Field(max_length=100)] = ""
    """Who speaks first."""
    samples: Annotated[int, Field(ge=1, le=100)] = 1
    """Number of scripts; further ones are new_script.2.txt and so on."""
