"""The addresses of a corpus by URL."""

import pytest
from pydantic import ValidationError

from scriptmodel_operator.api.corpus import CorpusHttp
from scriptmodel_operator.api.urls import file_name, host_of, without_query


@pytest.mark.parametrize(
    ("url", "host", "name", "shown"),
    [
        ("https://Example.com/plays/hamlet.txt", "example.com", "hamlet.txt", "https://Example.com/plays/hamlet.txt"),
        ("http://127.0.0.1:8000/a.tar.gz?token=b/c", "127.0.0.1", "a.tar.gz", "http://127.0.0.1:8000/a.tar.gz"),
        ("http://[::1]:80/a%20b.txt", "::1", "a%20b.txt", "http://[::1]:80/a%20b.txt"),
    ],
)
def test_an_address_has_a_host_and_the_name_of_its_file(url: str, host: str, name: str, shown: str) -> None:
    assert CorpusHttp(urls=[url]).urls == [url]
    assert (host_of(url), file_name(url), without_query(url)) == (host, name, shown)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/plays/",
        "https://example.com/plays/..",
        "https://example.com/.hidden",
        "https://example.com/a#b",
        "https://example.com/a b",
        "https://example.com/(a)",
        "https://example.com/\u00e9",
        "https://exa mple.com/a",
        "http://:80/a",
        "ftp://example.com/a",
        "file:///etc/passwd",
        "s3://bucket/a",
    ],
)
def test_what_is_not_the_address_of_a_file_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        CorpusHttp(urls=[url])
