"""Removes files that no program of the project reads from an environment, during the image's build.

`python slim.py SITE_PACKAGES`; docs/operations/images.md lists what is removed and why that is safe.
"""

import mmap
import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

HEADERS = ("tensorflow/include", "numpy/_core/include")
"""Only needed to compile custom operations."""
NEVER_IMPORTED = ("clang", "grpc", "pygments", "setuptools", "_distutils_hack", "distutils-precedence.pth", "wheel")
"""Required by TensorFlow's wheel and never imported by training; the test of the image trains without them."""
DISTRIBUTIONS = ("libclang", "grpcio", "pygments", "setuptools", "wheel")
"""Their records, so that the list of what is installed stays true."""
TESTS = ("**/tests", "**/*_test.py", "**/testdata")
LIBRARIES = "tensorflow/**/*.so*"


def cut(site: Path) -> Iterator[tuple[str, int]]:
    """Remove one kind of thing after the other; yield its name and how many bytes that was."""
    yield "headers", sum(_remove(site / name) for name in HEADERS)
    records = [path for name in DISTRIBUTIONS for path in site.glob(f"{name}-*.dist-info")]
    yield "packages never imported", sum(_remove(path) for path in [*(site / n for n in NEVER_IMPORTED), *records])
    yield "tests", sum(_remove(path) for pattern in TESTS for path in list(site.glob(pattern)))
    yield "symbol tables", sum(_strip(path) for path in site.glob(LIBRARIES) if not path.is_symlink())


def _remove(path: Path) -> int:
    size = _size(path)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return size


def _size(path: Path) -> int:
    if not path.exists():
        return 0
    return sum(each.lstat().st_size for each in [path, *path.rglob("*")] if not each.is_dir())


def _strip(library: Path) -> int:
    """Truncate an ELF file after the last byte that is ever loaded, which drops symbol tables and section headers.

    The loader reads segments alone (ELF-64, System V ABI, chapter 5), so the file works as before.
    """
    with library.open("r+b") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{library} is no little-endian ELF-64 file")
        (table,) = struct.unpack_from("<Q", data, 0x20)
        size, count = struct.unpack_from("<HH", data, 0x36)
        ends: list[int] = [table + size * count]
        for number in range(count):
            _kind, _flags, offset, _address, _physical, length = struct.unpack_from(
                "<IIQQQQ", data, table + size * number
            )
            ends.append(offset + length)
        before, end = library.stat().st_size, max(ends)
    with library.open("r+b") as file:
        file.truncate(end)
        file.seek(0x28)
        file.write(bytes(8))  # no section headers: their offset,
        file.seek(0x3C)
        file.write(bytes(4))  # their number and the index of their names are zero
    return before - end


def main() -> int:
    """Cut, and print a line for each kind."""
    site = Path(sys.argv[1])
    before = _size(site)
    for name, size in cut(site):
        print(f"slim: {size / 1e6:7.1f} MB  {name}", flush=True)
    print(f"slim: {before / 1e6:7.1f} MB before, {_size(site) / 1e6:.1f} MB left in {site}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
