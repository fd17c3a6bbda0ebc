"""The files that are read from an archive, and those that are refused."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.archive import Options, files_of
from scriptmodel_operator.ingest.failures import SourceError
from tests.unit.operator.archives import PLAYS, odd_entry, tar_gz_of, tar_of, zip_of

MEBIBYTE = 1024 * 1024
TAKEN = {"/plays/hamlet.txt": PLAYS["plays/hamlet.txt"], "/readme.md": PLAYS["readme.md"]}
FORMS = {
    "tar": tar_of,
    "tar.gz": tar_gz_of,
    "zip": zip_of,
}


def files(content: bytes, *include: str, **limits: int) -> dict[str, bytes]:
    options = Options(len(content), "play.txt", include, **{"most_bytes": 16 * MEBIBYTE, **limits})
    with tempfile.TemporaryFile() as file:
        file.write(content)
        return {path: b"".join(pieces) for path, pieces in files_of(file, options)}


def refused(content: bytes, *include: str, **limits: int) -> tuple[Reason, str]:
    with pytest.raises(SourceError) as caught:
        files(content, *include, **limits)
    return caught.value.reason, str(caught.value)


@pytest.mark.parametrize("form", FORMS)
def test_archives_are_known_by_their_bytes(form: str) -> None:
    assert files(FORMS[form](PLAYS)) == TAKEN


def test_a_zip_of_windows_may_have_folders_with_its_own_separator() -> None:
    assert files(zip_of({"plays\\": b"", "plays\\hamlet.txt": b"x"})) == {"/plays/hamlet.txt": b"x"}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_kind_of_tar_with_long_and_strange_names(form: int) -> None:
    long = "d" * 90 + "/" + "f" * 90 + ".txt"
    found = files(tar_of({long: b"x", "Épisode.txt": b"y", "empty.txt": b""}, form))
    assert found == {f"/{long}": b"x", "/%C3%89pisode.txt": b"y", "/empty.txt": b""}


def test_a_very_long_name_is_read_from_the_extended_header() -> None:
    long = "/".join(["folder" * 10] * 8) + "/a.txt"
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        assert files(tar_of({long: b"x", "b": b"y"}, form)) == {f"/{long}": b"x", "/b": b"y"}


def test_an_archive_of_git_with_its_global_header_is_read() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "commit"}) as made:
        info = tarfile.TarInfo("a.txt")
        info.size = 1
        made.addfile(info, io.BytesIO(b"x"))
    assert files(buffer.getvalue()) == {"/a.txt": b"x"}


def test_the_label_of_a_volume_and_the_lists_of_an_incremental_archive_are_no_scripts() -> None:
    label, names = odd_entry(b"V", "/backup of ../plays"), odd_entry(b"D", "plays/")
    names.size = 10
    listed = names.tobuf(tarfile.GNU_FORMAT) + b"Yhamlet\0\0\0".ljust(tarfile.BLOCKSIZE, b"\0")
    assert files(label.tobuf(tarfile.GNU_FORMAT) + listed + tar_of(PLAYS, tarfile.GNU_FORMAT)) == TAKEN
    labelled = tarfile.GNU_FORMAT, [odd_entry(b"V", "label")]
    assert files(gzip.compress(tar_of(PLAYS, *labelled))) == TAKEN


@pytest.mark.parametrize("text", ["To be\n", "Sein oder Nichtsein, „Füße“\n", "\ufefftext\n"])
def test_a_text_is_one_file_also_when_it_is_packed(text: str) -> None:
    for content in (text.encode(), text.encode("utf-16"), text.encode("cp1252", "replace")):
        assert files(content) == {"/play.txt": content}
        assert files(gzip.compress(content)) == {"/play.txt": content}


def test_include_selects_files_of_an_archive() -> None:
    assert set(files(tar_of(PLAYS), "*.txt")) == {"/plays/hamlet.txt"}
    assert set(files(zip_of(PLAYS), "plays/*")) == {"/plays/hamlet.txt"}
    assert files(tar_gz_of(PLAYS), "*.fountain") == {}


def test_an_empty_archive_has_no_files() -> None:
    assert files(tar_of({})) == files(zip_of({})) == files(tar_gz_of({})) == {}


def pax(content: bytes, size: int | None = None) -> bytes:
    """An extended header with these bytes as records."""
    header = tarfile.TarInfo("p")
    header.type, header.size = tarfile.XHDTYPE, len(content) if size is None else size
    return header.tobuf(tarfile.USTAR_FORMAT) + content.ljust(-(-len(content) // 512) * 512, b"\0")


@pytest.mark.parametrize(
    "records", [b"x" * 16, b"0 path=a", b"6 path=\n", b"-5 a=b\n", b"00000000006 a=b\n", b" 6 a=b\n"]
)
def test_records_of_a_wrong_length_are_refused(records: bytes) -> None:
    """The first of them once caused an endless loop in the parser."""
    assert "an extended header has a wrong length" in refused(pax(records) + bytes(1024))[1]


def test_an_extended_header_has_a_bounded_number_of_records() -> None:
    assert "of more than 1000 records" in refused(pax(b"6 a=b\n" * 170_000) + bytes(1024))[1]


@pytest.mark.parametrize("name", ["/etc/passwd", "../up.txt", "a/../../up.txt"])
@pytest.mark.parametrize("form", FORMS)
def test_paths_out_of_the_archive_are_refused_even_if_not_selected(form: str, name: str) -> None:
    reason, _text = refused(FORMS[form]({"a.txt": b"x", name: b"y"}), "a.txt")
    assert reason is Reason.CORPUS_INVALID


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (tarfile.SYMTYPE, "'odd.txt' in the archive is a symbolic link"),
        (tarfile.LNKTYPE, "a hard link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.FIFOTYPE, "a named pipe"),
        (tarfile.GNUTYPE_SPARSE, "a sparse file"),
        (b"Z", "of an unknown kind"),
    ],
)
def test_selected_tar_entries_that_are_not_files_are_refused(kind: bytes, words: str) -> None:
    content = tar_of({"a.md": b"x"}, extra=[odd_entry(kind, target="/etc/passwd")])
    reason, text = refused(content)
    assert (reason, words in text) == (Reason.CORPUS_INVALID, True)
    assert files(content, "*.md") == {"/a.md": b"x"}


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_the_size_in_the_header_of_an_entry_without_contents_is_ignored(kind: bytes) -> None:
    odd = odd_entry(kind, target="a.md")
    odd.size = 4096
    assert files(odd.tobuf(tarfile.USTAR_FORMAT) + tar_of({"a.md": b"x"}), "*.md") == {"/a.md": b"x"}


def test_a_sparse_file_by_an_extended_header_is_refused() -> None:
    info = tarfile.TarInfo("a.txt")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.realsize": "1000000000000"}
    assert "a sparse file" in refused(tar_of({}, extra=[info]))[1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda info: setattr(info, "external_attr", 0o120777 << 16), "a symbolic link"),
        (lambda info: setattr(info, "external_attr", 0o020666 << 16), "neither a file nor a folder"),
        (lambda info: setattr(info, "compress_type", zipfile.ZIP_LZMA), "not packed by store or deflate"),
    ],
)
def test_zip_entries_that_are_not_files_are_refused(change: Callable[[zipfile.ZipInfo], None], words: str) -> None:
    reason, text = refused(zip_of({"a.txt": b"/etc/passwd"}, change))
    assert (reason, words in text) == (Reason.CORPUS_INVALID, True)


def test_an_encrypted_zip_is_refused() -> None:
    content = bytearray(zip_of({"a.txt": b"x"}))
    central = content.index(b"PK\x01\x02")
    content[central + 8] |= 1
    assert "is encrypted" in refused(bytes(content))[1]


@pytest.mark.parametrize("form", ["tar", "zip"])
def test_a_path_twice_or_below_a_file_is_refused(form: str) -> None:
    twice = tar_of({"a": b"1", "./a": b"2"}) if form == "tar" else zip_of({"a": b"1", "./a": b"2"})
    assert "'/a' twice" in refused(twice)[1]
    assert "as a file and as a folder" in refused(FORMS[form]({"a": b"1", "a/b": b"2"}))[1]
    assert "as a file and as a folder" in refused(FORMS[form]({"a/b": b"1", "a": b"2"}))[1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (bz2.compress(b"x"), "a bzip2 archive"),
        (lzma.compress(b"x"), "an xz archive"),
        (b"%PDF-1.7", "a PDF"),
        (b"\n<!DOCTYPE HTML><html>", "a web page"),
        (b"\xef\xbb\xbf\r\n<!DOCTYPE html><html>", "a web page"),
        (b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN">', "a web page"),
        (b"\x7fELF\0\0\0", "binary"),
        (gzip.compress(b"\x7fELF\0\0\0", mtime=0), "binary"),
    ],
)
def test_other_files_are_refused_by_their_type(content: bytes, words: str) -> None:
    reason, text = refused(content)
    assert (reason, words in text) == (Reason.CORPUS_INVALID, True)


@pytest.mark.parametrize("make", [tar_gz_of, zip_of])
def test_excessive_growth_is_refused_before_unpacking(make: Callable[[dict[str, bytes]], bytes]) -> None:
    zeros = {"zeros.txt": bytes(4 * MEBIBYTE)}
    reason, text = refused(make(zeros))
    assert (reason, "each byte of the archive becomes more than 100" in text) == (Reason.CORPUS_TOO_LARGE, True)
    assert refused(make(zeros), most_bytes=2 * MEBIBYTE, most_ratio=10**6)[1].startswith(
        "the archive has more than 2 MiB"
    )


def test_a_bomb_behind_unselected_files_is_refused() -> None:
    content = tar_gz_of({"zeros.bin": bytes(4 * MEBIBYTE), "a.txt": b"x"})
    assert refused(content, "*.txt")[0] is Reason.CORPUS_TOO_LARGE


def test_a_bomb_of_overlapping_members_is_refused() -> None:
    """Many entries of the table of contents for one member."""
    one = zip_of({"a.txt": bytes(MEBIBYTE // 2)})
    start = one.index(b"PK\x01\x02")
    end = one.index(b"PK\x05\x06")
    table = b"".join(one[start:end].replace(b"a.txt", f"{number:05d}".encode()) for number in range(50))
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 50, 50, len(table), start, 0)
    reason, _text = refused(one[:start] + table + tail)
    assert reason in (Reason.CORPUS_TOO_LARGE, Reason.CORPUS_INVALID)


@pytest.mark.parametrize("form", FORMS)
def test_too_many_files_and_too_many_entries_are_refused(form: str) -> None:
    many = FORMS[form]({f"{number}.txt": b"" for number in range(20)})
    assert refused(many, most_files=10)[1].startswith("the archive has more than 10 files")
    assert refused(many, "nothing", most_entries=10)[1].startswith("the archive has more than 10 entries")


def test_a_million_names_in_a_zip_are_refused_by_the_size_of_its_table() -> None:
    """The check does not read the table, which would be kept in memory."""
    entry = zip_of({"0000000.txt": b""})
    start, end = entry.index(b"PK\x01\x02"), entry.index(b"PK\x05\x06")
    table = entry[start:end] * 1_000_000
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(table), start, 0)
    reason, text = refused(entry[:start] + table + tail)
    assert (reason, "table of contents" in text) == (Reason.CORPUS_TOO_LARGE, True)


def test_an_extended_header_of_a_tar_is_bounded() -> None:
    info = tarfile.TarInfo("a.txt")
    info.pax_headers = {"comment": "x" * 2 * MEBIBYTE}
    assert "an extended header of" in refused(tar_of({}, extra=[info]))[1]


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_that_is_cut_short_is_refused(form: str) -> None:
    content = FORMS[form]({"a.txt": random.Random(0).randbytes(5000), "b.txt": b"x" * 5000})
    for size in (len(content) // 4, len(content) // 2):
        assert refused(content[:size])[0] is Reason.CORPUS_INVALID


def test_a_damaged_archive_is_refused() -> None:
    content = bytearray(tar_gz_of({"a.txt": random.Random(0).randbytes(5000)}))
    content[-6] ^= 1
    assert "gzip archive is broken" in refused(bytes(content))[1]
    packed = bytearray(zip_of({"a.txt": random.Random(0).randbytes(5000)}))
    packed[100] ^= 1
    assert "zip archive is broken" in refused(bytes(packed))[1]


def test_a_file_without_a_name_in_a_zip_is_passed_over() -> None:
    content = bytearray(zip_of({"a": b"x"}))
    for start, length in ((content.index(b"PK\x03\x04"), 26), (content.index(b"PK\x01\x02"), 28)):
        struct.pack_into("<2H", content, start + length, 0, 1)  # the name's byte becomes one of the extra field
    assert files(bytes(content)) == {}


def test_the_librarys_error_for_a_damaged_archive_is_shortened() -> None:
    content = bytearray(zip_of({"n" * 900: b"x"}))
    content[40] = ord("m")  # the names in the table of contents and before the contents differ
    assert len(refused(bytes(content))[1]) < 200


def test_an_error_without_a_message_is_reported_by_its_class(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(*_: object) -> bytes:
        raise EOFError  # as Python 3.11 does for a member that is shorter than stated; later versions say more

    monkeypatch.setattr(zipfile.ZipExtFile, "read", end)
    assert "zip archive is broken: EOFError" in refused(zip_of({"a.txt": b"as it is"}))[1]


@given(form=st.sampled_from(list(FORMS)), changes=st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 255))))
def test_a_mutated_archive_is_read_or_refused(form: str, changes: list[tuple[int, int]]) -> None:
    content = bytearray(FORMS[form](PLAYS))
    for position, value in changes:
        content[position % len(content)] = value
    try:
        found = files(bytes(content))
    except SourceError as error:
        assert error.reason in (Reason.CORPUS_INVALID, Reason.CORPUS_TOO_LARGE)  # noqa: PT017 - both ends are fine
    else:
        assert all(path.startswith("/") for path in found)


@given(st.binary(max_size=2000))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for start in (b"", b"\x1f\x8b\x08\0", b"PK\x03\x04", b"PK\x05\x06"):
        try:
            files(start + content)
        except SourceError as error:
            assert str(error)  # noqa: PT017 - both ends are fine


@given(
    form=st.sampled_from(list(FORMS)),
    expected=st.dictionaries(st.text("abcé(", min_size=1, max_size=8), st.binary(max_size=1200), max_size=6),
)
def test_packed_files_are_unpacked_unchanged(form: str, expected: dict[str, bytes]) -> None:
    found = files(FORMS[form](expected))
    assert sorted(found.values()) == sorted(expected.values())
    assert len(found) == len(expected)
