"""The addresses of a corpus by URL: their form, the names of their files, and their hosts. Pure."""

from urllib.parse import urlsplit

_HOST = r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
_FOLDERS = r"([!\x24-.0->@-~]*/)*"
_FILE_NAME = r"[A-Za-z0-9_~%-][A-Za-z0-9._~%-]{0,199}"
"""Pachyderm accepts these characters in a path; a URL has any other one percent-encoded."""
BUCKET_PATTERN = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[!\x24-.0->@-~]+)*/?$"
URL_PATTERN = rf"^https?://([^/?#]*@)?{_HOST}/{_FOLDERS}{_FILE_NAME}([?][!\x24-~]*)?$"
"""A user and a password are rejected by a rule of their own, which gives the reason; so is a host that is a number."""
_BYTE = "(0|[1-9][0-9]?|1[0-9][0-9]|2[0-4][0-9]|25[0-5])"
NUMBER_PATTERN = r"^https?://([^/?#]*[.@])?([0-9]+|0[xX][0-9A-Fa-f]*)[.]?(:[0-9]*)?/"
"""A host whose last label is a number, which resolvers read as an IPv4 address: `127.1`, `0x7f000001`, `2130706433`."""
IPV4_PATTERN = rf"^https?://([^/?#]*@)?({_BYTE}[.]){{3}}{_BYTE}(:[0-9]*)?/"


def file_name(url: str) -> str:
    """Return the name of the file of a URL: the last part of its path, as it is written."""
    return urlsplit(url).path.rpartition("/")[2]


def host_of(url: str) -> str:
    """Return the host in lower case, without its port."""
    return urlsplit(url).hostname or ""


def without_query(url: str) -> str:
    """Return a URL for messages: its query may be a secret, as in signed addresses."""
    return url.partition("?")[0]
