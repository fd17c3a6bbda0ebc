"""Nats per character: perplexities of different vocabularies do not compare, these figures do."""

import hashlib
import math
from collections.abc import Sequence

from scriptmodel_trainer.corpus.plain import plain_text
from scriptmodel_trainer.generation.detokenizing import detokenize
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.storage.records import Validation

CHUNK = 1 << 16  # tokens that are encoded at once


def per_character(perplexity: float, count: int, tokens: Sequence[str], vocabulary: Vocabulary) -> float | None:
    """Return nats per character of a text with that perplexity; None if the perplexity is infinite.

    `tokens` are the text's own, `count` is how many tokens of the vocabulary they are: sub-words are more. The text is
    what its tokens render to, line breaks and speakers' names included, which for plain text is the file itself. Other
    sequences of tokens may render to the same text, so this is an upper bound.
    """
    if not 0 < perplexity < math.inf:
        return None
    text = plain_text(tokens) if vocabulary.plain else detokenize(tokens)
    return math.log(perplexity) * count / max(1, len(text))


def validation_of(perplexity: float, count: int, tokens: Sequence[str], vocabulary: Vocabulary) -> Validation:
    """Return the digest of a validation text and its nats per character, given what `per_character` takes."""
    text = hashlib.sha256()
    for start in range(0, len(tokens), CHUNK):
        piece = "\0".join((*tokens[start : start + CHUNK], ""))
        text.update(piece.encode("utf-8", errors="surrogatepass"))
    return Validation(text.hexdigest(), per_character(perplexity, count, tokens, vocabulary))
