"""`spec.generation`: the script to generate."""

from typing import Annotated, Literal

from pydantic import Field

from scriptmodel_operator.api.fields import AS_DECIMAL, ApiModel, DnsName, Seed, decimal, formatted, rules

_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_LINE = r"^[^\x00-\x1f\x7f]*$"
_NAME = r"^[^,\x00-\x20\x7f]([^,\x00-\x1f\x7f]*[^,\x00-\x20\x7f])?$"
_ANYBODY = (
    "self.size() == 1 || !('any' in self)",
    "any stands for all speakers: it cannot be combined with names",
)

SpeakerName = Annotated[
    str, formatted(_NAME, "a name without commas, control characters, or spaces around it", max_length=64)
]


class TextConfigMap(ApiModel):
    """A text in a ConfigMap of the object's namespace, at most 64 KiB of UTF-8."""

    name: DnsName
    """Name of the ConfigMap."""
    key: Annotated[str, formatted(r"^[-._a-zA-Z0-9]+$", "a key of letters, digits, -, _ and .", max_length=253)]
    """Key whose value is the text."""


class Continuation(ApiModel):
    """A scene to continue; a changed text writes a new script and does not train again."""

    config_map: TextConfigMap
    """A text in a ConfigMap of the object's namespace, at most 64 KiB of UTF-8."""
    only_new: bool = False
    """Leave the scene itself out of the script."""


class Generation(ApiModel):
    """The script to generate. Changing it writes a new script and does not train again."""

    words: Annotated[int, Field(ge=1, le=1000000)] = 1000
    """Length of the script in words, at most."""
    temperature: Annotated[str, decimal(at_most=2), AS_DECIMAL] = "0.8"
    """Sampling temperature: below 1 favours likely words, above 1 flattens the distribution, 0 is greedy."""
    top_p: Annotated[str, decimal(above=0, at_most=1), AS_DECIMAL] = "0.95"
    """Nucleus sampling: sample from the smallest set of words whose total probability reaches this value."""
    seed: Seed = 0
    """Random seed; another seed writes another script with the same model."""
    prompt: Annotated[str, formatted(_TEXT, "text without control characters", max_length=1000)] = ""
    """Text that the script starts with."""
    speaker: Annotated[str, formatted(_LINE, "one line without control characters", max_length=100)] = ""
    """Name of the first speaker."""
    cast: (
        Annotated[
            list[SpeakerName],
            Field(
                min_length=1,
                max_length=20,
                json_schema_extra=rules(_ANYBODY),
            ),
        ]
        | None
    ) = None
    """Names of those who may speak; [any] for all speakers of the corpus. Absent: those of one play, which the seed
    draws."""
    scene: Annotated[str, formatted(_LINE, "one line without control characters", max_length=200)] = ""
    """Heading of the scene that the script opens with."""
    continuation: Annotated[Continuation | None, Field(alias="continue")] = None
    """A scene to continue, in any layout that a corpus may have; `words` counts the new words only."""
    samples: Annotated[int, Field(ge=1, le=100)] = 1
    """Number of scripts; further ones are new_script.2.txt and so on."""
    copies: Literal["allow", "avoid"] = "allow"
    """Whether sentences of six words or more that the training text has are written anew."""
