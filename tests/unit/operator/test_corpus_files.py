"""The files of a folder that `push` reads, and the notes about those that it skips."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptmodel_cli.corpus import find_corpus, in_pachyderm
from scriptmodel_cli.errors import InputError


def test_links_to_folders_and_out_of_the_folder_are_noted_and_one_to_a_file_in_it_is_that_file(tmp_path: Path) -> None:
    plays, elsewhere = tmp_path / "plays", tmp_path / "elsewhere"
    for folder in (plays / "acts", elsewhere):
        folder.mkdir(parents=True)
        (folder / "hamlet.txt").write_text("HAMLET: Words.")
    (plays / "more").symlink_to(elsewhere)
    (plays / "round").symlink_to(plays)
    (plays / "macbeth.txt").symlink_to(Path("acts", "hamlet.txt"))
    (plays / "secret.txt").symlink_to(elsewhere / "hamlet.txt")
    (plays / "lost.txt").symlink_to("found.txt")
    (plays / "self.txt").symlink_to("self.txt")
    notes = list[str]()
    assert [file.path for file in find_corpus([plays], notes.append)] == ["/acts/hamlet.txt", "/macbeth.txt"]
    assert notes == [
        f"skipped {plays / 'more'}: it is a link to a folder",
        f"skipped {plays / 'round'}: it is a link to a folder",
        f"skipped {plays / 'lost.txt'}: it is not a regular file",
        f"skipped {plays / 'secret.txt'}: it is a link out of {plays}",
        f"skipped {plays / 'self.txt'}: it is not a regular file",
    ]
    assert [file.path for file in find_corpus([plays / "more"], notes.append)] == ["/hamlet.txt"], "as it was named"
    (named,) = find_corpus([plays / "secret.txt"], notes.append)
    assert named.path == "/secret.txt"


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    play = tmp_path / "hamlet.txt"
    play.write_text("HAMLET: Words.")
    assert [file.path for file in find_corpus([tmp_path, play, tmp_path], lambda _note: None)] == ["/hamlet.txt"]


def test_a_base_in_the_folder_is_read_with_its_weights_and_no_other_binary_file_is(tmp_path: Path) -> None:
    for name in ("bases/en/weights-1.safetensors", "bases/en/cover.png", "written/model/weights-2.safetensors"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"\0")
    notes = list[str]()
    assert [file.path for file in find_corpus([tmp_path], notes.append)] == ["/bases/en/weights-1.safetensors"]
    others = ("bases/en/cover.png", "written/model/weights-2.safetensors")
    assert notes == [f"skipped {tmp_path / name}: it is binary, not text" for name in others]


def test_a_file_in_an_unreadable_folder_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hamlet.txt").write_text("HAMLET: Words.")

    def denied(_self: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", denied)
    with pytest.raises(InputError, match=r"cannot read .*hamlet\.txt: Permission denied"):
        find_corpus([tmp_path], lambda _note: None)


@given(st.binary(min_size=1))
def test_every_name_becomes_one_that_pachyderm_allows(raw: bytes) -> None:
    name = raw.replace(b"/", b"-").decode("utf-8", "surrogateescape")  # as Python gives names of files
    assert re.fullmatch(r"/[ -~]+", in_pachyderm(name))
    assert not re.search(r"[*?\[\]{}!()@+^\\]", in_pachyderm(name))


def test_characters_that_pachyderm_does_not_allow_are_percent_encoded() -> None:
    assert in_pachyderm("\u00c9pisode (1)!.txt") == "/%C3%89pisode %281%29%21.txt"
    assert in_pachyderm("a\\b") == "/a%5Cb", "a backslash escapes the next character when a file is read"
    assert in_pachyderm(b"caf\xe9".decode("utf-8", "surrogateescape")) == "/caf%E9"
