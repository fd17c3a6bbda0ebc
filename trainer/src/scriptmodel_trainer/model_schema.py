"""Schemas of the JSON files of a model directory, which are validated before use because they may be forged."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

from scriptmodel_trainer.corpus.exact import BYTES, NEWLINE, PARAGRAPH
from scriptmodel_trainer.corpus.splits import SPLITS
from scriptmodel_trainer.corpus.tokens import EOS, PAIRS, UNKNOWN

MOST_JSON = 1 << 27  # bytes of one JSON file
MOST_WORDS = 1_000_100  # of a vocabulary: the limit of vocabulary_size, and the markers
_MOST_ENTRIES = 1_000_000
_MOST_TEXT = 1 << 20  # characters
_MOST_COUNT = 1 << 62

Check = Callable[[Any, str], None]


def check_object(value: Any) -> None:
    """Check that `model.json` holds an object that names its schema; raises ValueError or TypeError if not."""
    _record({"schema": _any})(value, "model.json")


def check_described(described: Any) -> None:
    """Check `model.json`, presets and files apart; raises ValueError or TypeError that names the first wrong value."""
    _DESCRIBED(described, "model.json")


def check_metrics(metrics: Any) -> None:
    """Check `metrics.json` as far as it is filled; raises ValueError or TypeError that names the first wrong value."""
    _METRICS(metrics, "metrics.json")


def require_metrics(metrics: Mapping[str, Any]) -> None:
    """Check that the metrics of a training are all there; raises ValueError that names what is missing."""
    missing = {"perplexity", "epochs", "best_epoch", "tokens", "seconds"} - metrics.keys()
    if missing:
        raise ValueError(f"metrics.json has no {', '.join(sorted(missing))}")
    if metrics["perplexity"].keys() < set(SPLITS) or "train" not in metrics["tokens"]:
        raise ValueError("metrics.json does not name all splits")
    if not 1 <= metrics["best_epoch"] <= len(metrics["epochs"]):
        raise ValueError(f"metrics.json has no epoch {metrics['best_epoch']}")


def check_checkpoint(described: Any) -> None:
    """Check what a checkpoint says of itself; raises ValueError or TypeError that names the first wrong value."""
    _CHECKPOINT(described, "described")
    if described["best_epoch"] > len(described["history"]):
        raise ValueError(f"it has no epoch {described['best_epoch']}")


def check_effort(note: Any) -> None:
    """Check the effort that a heartbeat recorded; raises ValueError or TypeError that names the first wrong value."""
    _EFFORT(note, "owner.json")


def words_of(names: Any) -> tuple[str, ...]:
    """Return the words of `id_to_word.json` in their order; raises ValueError if they are no vocabulary."""
    _each(_text)(names, "id_to_word.json")
    if not 2 <= len(names) <= MOST_WORDS:
        raise ValueError(f"id_to_word.json has {len(names):,} words")
    words = tuple(names.get(str(number)) for number in range(len(names)))
    if None in words or "" in words or len(set(words)) < len(words):
        raise ValueError("id_to_word.json does not number different words from 0")
    held = set(words)
    paired = all((opener in held) is (closer in held) for opener, closer in PAIRS.items())
    if not (paired and {UNKNOWN, EOS} <= held) or ({NEWLINE, BYTES[0]} <= held and PARAGRAPH not in held):
        raise ValueError("id_to_word.json lacks markers")
    return words


def _any(value: Any, where: str) -> None:
    del value, where  # looked at elsewhere


def _text(value: Any, where: str) -> None:
    if not isinstance(value, str) or len(value) > _MOST_TEXT:
        raise ValueError(f"{where} is not a text")
    value.encode()  # a surrogate alone is a ValueError


def _name(value: Any, where: str) -> None:
    _text(value, where)
    if not value:
        raise ValueError(f"{where} holds an empty name")


def _count(value: Any, where: str) -> None:
    if type(value) is not int or not 0 <= value <= _MOST_COUNT:
        raise ValueError(f"{where} is not a count")


def _number(value: Any, where: str) -> None:
    if not ((type(value) is int and abs(value) <= _MOST_COUNT) or (type(value) is float and math.isfinite(value))):
        raise ValueError(f"{where} is not a number")


def _positive(value: Any, where: str) -> None:
    _number(value, where)
    if value < 0:
        raise ValueError(f"{where} is negative")


def _setting(value: Any, where: str) -> None:
    if not isinstance(value, bool):
        _positive(value, where)


def _maybe(check: Check) -> Check:
    def checked(value: Any, where: str) -> None:
        if value is not None:
            check(value, where)

    return checked


def _each(check: Check) -> Check:
    """Return a check of each value of a list or an object."""

    def checked(value: Any, where: str) -> None:
        if not isinstance(value, list | dict) or len(value) > _MOST_ENTRIES:
            raise ValueError(f"{where} is not a list")
        for entry in value.values() if isinstance(value, dict) else value:
            check(entry, where)

    return checked


def _only(kind: type, check: Check) -> Check:
    def checked(value: Any, where: str) -> None:
        if not isinstance(value, kind):
            raise TypeError(f"{where} is not {'an object' if kind is dict else 'a list'}")
        check(value, where)

    return checked


def _row(*checks: Check) -> Check:
    """Return a check of a list of so many values."""

    def checked(value: Any, where: str) -> None:
        if not isinstance(value, list) or len(value) != len(checks):
            raise ValueError(f"{where} does not hold {len(checks)} values an entry")
        for check, entry in zip(checks, value, strict=True):
            check(entry, where)

    return checked


def _record(needed: Mapping[str, Check], more: Mapping[str, Check] | None = None) -> Check:
    """Return a check of an object that has the `needed` keys and may have `more`; other keys are not looked at."""

    def checked(value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise TypeError(f"{where} is not an object")
        if missing := needed.keys() - value.keys():
            raise ValueError(f"{where} has no {min(missing)}")
        for key, check in itertools.chain(needed.items(), (more or {}).items()):
            if key in value:
                check(value[key], f"{where}: {key}")

    return checked


def _keyed(keys: tuple[str, ...], check: Check) -> Check:
    """Return a check of an object with none but these keys."""

    def checked(value: Any, where: str) -> None:
        if not isinstance(value, dict) or not set(keys) >= value.keys():
            raise ValueError(f"{where} has other keys than {', '.join(keys)}")
        _each(check)(value, where)

    return checked


def _seed(value: Any, where: str) -> None:
    if type(value) is not int or not 0 <= value < 1 << 31:
        raise ValueError(f"{where} is not a seed")


_COUNTED = _only(list, _each(_row(_text, _count)))
_COUNTS = _only(dict, _each(_count))
_SUMMARY = _record(
    {},
    {
        **dict.fromkeys(("speeches", "expositions", "speakers"), _count),
        "frequent_words": _COUNTED,
        "frequent_speakers": _COUNTED,
    },
)
_CORPUS = _record(
    {},
    {
        "digest": _text,
        "layout": _text,
        "split": _text,
        "files": _count,
        "layouts": _COUNTS,
        "notes": _only(list, _each(_text)),
        "summary": _SUMMARY,
    },
)
_BASE = _record(
    {},
    {
        **dict.fromkeys(("digest", "corpus"), _text),
        **dict.fromkeys(("vocabulary", "new_words"), _count),
        "fingerprint": _maybe(_text),
    },
)
_DESCRIBED = _record(
    {
        "preset": _text,
        "parameters": _only(dict, _any),
        "speakers": _only(list, _each(_count)),
        "seed": _seed,
        "corpus": _CORPUS,
        "versions": _only(dict, _each(_text)),
        "files": _only(dict, _each(_text)),
    },
    {"base": _maybe(_BASE), "spelled_names": _only(list, _each(_name))},
)
_PERPLEXITY = _maybe(_number)
_EPOCH = _record(
    {
        "epoch": _count,
        "train_perplexity": _PERPLEXITY,
        "valid_perplexity": _PERPLEXITY,
        "learning_rate": _PERPLEXITY,
        "seconds": _PERPLEXITY,
        "words_per_second": _PERPLEXITY,
    },
    {"sample": _maybe(_text)},
)
_EFFORT = _record(
    {}, {"restarts": _count, **dict.fromkeys(("seconds", "gpu_seconds", "recomputed_seconds"), _positive)}
)
_CHECKPOINT = _record(
    {
        "fingerprint": _text,
        "epoch": _count,
        "window": _count,
        "loss": _number,
        "epoch_seconds": _number,
        "seconds": _number,
        "best_epoch": _count,
        "history": _only(list, _each(_EPOCH)),
        "names": _only(list, _each(_text)),
    },
    {"effort": _EFFORT},
)
_DEVICE = _record({}, {"kind": _text, "name": _text, "memory_bytes": _maybe(_count)})
_METRICS = _record(
    {},
    {
        "restarts": _count,
        "recomputed_seconds": _positive,
        **dict.fromkeys(("stopped_by", "budget", "precision"), _maybe(_text)),
        "device": _maybe(_DEVICE),
        "base": _maybe(_BASE),
        "auto": _maybe(
            _record(
                {},
                {
                    "preset": _text,
                    "tokens": _count,
                    "minutes": _maybe(_positive),
                    "settings": _only(dict, _each(_setting)),
                },
            )
        ),
        "fingerprint": _text,
        "epochs": _only(list, _each(_EPOCH)),
        "perplexity": _keyed(SPLITS, _PERPLEXITY),
        "tokens": _keyed(SPLITS, _count),
        "understood": _maybe(_number),
        "best_epoch": _count,
        "seconds": _number,
        "held_out": _maybe(_only(dict, _each(_number))),
        "validation": _maybe(_record({}, {"digest": _text, "nats_per_character": _maybe(_number)})),
        "test": _record(
            {},
            {
                "perplexity": _PERPLEXITY,
                "tokens": _count,
                "oov": _count,
                "nats_per_character": _maybe(_number),
                "by_class": _only(dict, _each(_record({"tokens": _count, "perplexity": _PERPLEXITY}))),
            },
        ),
    },
)
