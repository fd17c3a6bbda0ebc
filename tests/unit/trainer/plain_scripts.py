"""A script as the layout `plain` reads it, and the vocabulary that it gives."""

import numpy as np

from scriptmodel_trainer.corpus.plain import plain_tokens
from scriptmodel_trainer.model.vocabulary import Vocabulary, build_vocabulary

SCRIPT = """First Citizen:
Before we proceed any further, hear me speak.

KING RICHARD II:
'Tis he--the king's own o'er-heard word; I'll to't!  "What?" (He laughs.) McDuff isn't X3.

ALL:
Speak, speak.
"""


def tokens_of(text: str) -> list[str]:
    return list(plain_tokens(text))


def vocabulary_of(text: str, size: int = 60) -> Vocabulary:
    tokens = tokens_of(text)
    lexicon = list(dict.fromkeys(tokens))
    numbers = {token: number for number, token in enumerate(lexicon)}
    return build_vocabulary(np.array([numbers[token] for token in tokens], np.int32), lexicon, size)


VOCABULARY = vocabulary_of(SCRIPT)
