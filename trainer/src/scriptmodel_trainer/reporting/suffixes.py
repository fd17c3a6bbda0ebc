"""The formats of scripts, and the suffixes of their files."""

from pathlib import Path

from scriptmodel_trainer.errors import BadInputError

TEXT, ALL = "text", "all"
SUFFIXES = {TEXT: ".txt", "fountain": ".fountain", "fdx": ".fdx", "html": ".html"}


def formats_for(chosen: str | None, out: Path | None, usual: str | None = None) -> tuple[str, ...]:
    """Return the formats to write: the `chosen` one, else that of the suffix of `out`; `usual` replaces the latter.

    Raises BadInputError if the suffix names another format, or none and no format is chosen.
    """
    chosen = chosen or usual
    if out is None:
        if chosen == ALL:
            raise BadInputError("--format all needs --out", "name a file; the formats are stored beside it")
        return (chosen or TEXT,)
    named = _format_of(out, chosen)
    if chosen not in (None, ALL, named):
        raise BadInputError(f"{out.name} is not the name of a file of format {chosen}", f"use {SUFFIXES[str(chosen)]}")
    return tuple(SUFFIXES) if chosen == ALL else (named,)


def _format_of(out: Path, chosen: str | None) -> str:
    known = {suffix: name for name, suffix in SUFFIXES.items()}
    suffix = out.suffix.lower()
    if suffix in known:
        return known[suffix]
    if suffix == ".pdf":
        hint = f"write {out.stem}.html, open it in a browser and print it as PDF"
        raise BadInputError(f"cannot write {out}: PDF is not among the formats", hint)
    if suffix and chosen is None:
        hint = f"use one of the suffixes {', '.join(known)}, or choose a --format"
        raise BadInputError(f"cannot write {out}: {suffix} names no format", hint)
    return TEXT if chosen in (None, ALL) else chosen
