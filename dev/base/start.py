"""Makes the model that the training of a base starts from: another base, with the words of the new library alone.

Runs in the trainer's environment: python -m dev.base.start NAME TEXTS OUT
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from scriptmodel_trainer.artifacts import bases, model_directory
from scriptmodel_trainer.artifacts.model_directory import TrainedModel
from scriptmodel_trainer.corpus import layouts, reading, stream
from scriptmodel_trainer.corpus.tokens import EOS
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.model import subwords
from scriptmodel_trainer.model.vocabulary import counts_of, frequent_words, speakers_of, with_documents, with_names
from scriptmodel_trainer.storage.records import FILES
from scriptmodel_trainer.training.fine_tuning import vocabulary_after, weights_after


def start(name: str, texts: Path, out: Path) -> None:
    """Write the model: the commonest words of the texts, as many as the base was to have, and their weights."""
    base = model_directory.load_model(bases.found_as(name), judged=True)
    preset = base.origin.preset
    sources = reading.find_sources([texts], lambda _: None)
    corpus = stream.read_corpus(sources, layouts.layout_named("normalized"), lambda _: None, FILES)
    train, lexicon = corpus.splits["train"], corpus.lexicon
    both = vocabulary_after(base.vocabulary, train, lexicon, preset)
    weights = weights_after(base, both)
    words = frequent_words(counts_of(train, lexicon), preset.vocabulary_size)
    spelling = (
        piece for piece in base.vocabulary.words if piece in subwords.LETTERS or not base.vocabulary.is_word(piece)
    )
    pieces = [piece for piece in spelling if piece not in words]
    known = (*words, *pieces)
    begin = (number for number, piece in enumerate(known) if number >= len(words) and not subwords.continues(piece))
    own = with_documents(with_names(known, speakers_of(train, lexicon), frozenset(begin)))
    rows = [both.id_of(word if word in both else EOS) for word in own.words]
    weights |= {name: weights[name][rows] for name in ("embedding", "output/bias")}
    model = TrainedModel(base.origin, own, weights, base.metrics, base.ngrams)
    model_directory.save_model(out, model, "")


def main(arguments: Sequence[str]) -> None:
    """Make a model to start from."""
    name, texts, out = arguments
    try:
        start(name, Path(texts), Path(out))
    except BadInputError as error:
        sys.exit(f"base: {error.line()}")


if __name__ == "__main__":
    main(sys.argv[1:])
