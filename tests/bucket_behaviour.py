"""What each bucket does, whatever keeps its objects: tests of a fixture `bucket`, which is empty."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from scriptmodel_operator.engine.errors import NotFoundError, RefusedError
from scriptmodel_operator.jobs.ports import Bucket


class BucketBehaviour:
    def test_an_object_is_read_as_it_was_written(self, bucket: Bucket) -> None:
        bucket.put("v1/ml/a", b"first")
        bucket.put("v1/ml/a", b"second")
        assert bucket.get("v1/ml/a", 6) == b"second"

    @pytest.mark.parametrize("pieces", [[], [b""], [b"to be, ", b"or not"], [b"x" * (5 << 20), b"y" * (9 << 20), b"z"]])
    def test_an_object_is_written_in_pieces(self, bucket: Bucket, pieces: list[bytes]) -> None:
        bucket.put("v1/ml/pieces", iter(pieces))
        assert bucket.get("v1/ml/pieces", 1 << 30) == b"".join(pieces)

    def test_pieces_are_read_from_the_bucket_while_they_are_written(self, bucket: Bucket) -> None:
        """More at a time than the processor has cores."""
        content = bytes(range(256)) * (40 << 10)
        bucket.put("v1/ml/source", content)

        def copy(number: int) -> None:
            pieces = (bucket.get_range("v1/ml/source", at, 1 << 20) for at in range(0, len(content), 1 << 20))
            bucket.put(f"v1/ml/target/{number}", pieces)

        numbers = range(2 * (os.cpu_count() or 1) + 2)
        with ThreadPoolExecutor(len(numbers)) as pool:
            list(pool.map(copy, numbers))
        for number in numbers:
            assert bucket.get(f"v1/ml/target/{number}", len(content)) == content

    def test_an_error_while_it_is_written_leaves_nothing(self, bucket: Bucket) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"x" * (20 << 20)
            raise RefusedError("reading a file", "it is gone")

        with pytest.raises(RefusedError, match="it is gone"):
            bucket.put("v1/ml/broken", pieces())
        assert bucket.sizes("v1/ml") == {}

    def test_a_missing_object_is_not_found(self, bucket: Bucket) -> None:
        with pytest.raises(NotFoundError, match=r"^reading v1/ml/none in s3://\S+: "):
            bucket.get("v1/ml/none", 9)
        with pytest.raises(NotFoundError, match=r"^reading v1/ml/none in "):
            bucket.get_range("v1/ml/none", 0, 1)
        with pytest.raises(NotFoundError, match=r"^copying v1/ml/none in "):
            bucket.copy("v1/ml/none", "v1/ml/copy")

    def test_an_object_larger_than_the_limit_is_refused(self, bucket: Bucket) -> None:
        bucket.put("v1/ml/large", b"12345")
        with pytest.raises(RefusedError, match="it has 5 bytes, more than 4"):
            bucket.get("v1/ml/large", 4)

    def test_a_part_of_an_object_is_read(self, bucket: Bucket) -> None:
        bucket.put("v1/ml/part", b"0123456789")
        assert bucket.get_range("v1/ml/part", 3, 4) == b"3456"
        assert bucket.get_range("v1/ml/part", 10, 0) == b""
        with pytest.raises(RefusedError, match="it ends before byte 11"):
            bucket.get_range("v1/ml/part", 9, 2)

    def test_the_first_of_two_creates_an_object(self, bucket: Bucket) -> None:
        ready = threading.Barrier(4)
        found: list[bytes] = []

        def create(name: bytes) -> None:
            ready.wait()
            found.append(bucket.create("v1/engine.json", name, 100))

        threads = [threading.Thread(target=create, args=(f"id {number}".encode(),)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [bucket.get("v1/engine.json", 100)] * 4

    def test_objects_below_a_prefix_are_listed_with_their_sizes(self, bucket: Bucket) -> None:
        for key, size in (("v1/ml/runs/1/pack-0000", 3), ("v1/ml/runs/1/x/y", 0), ("v1/ml/runs/10/pack-0000", 4)):
            bucket.put(key, b"x" * size)
        assert bucket.sizes("v1/ml/runs/1") == {"v1/ml/runs/1/pack-0000": 3, "v1/ml/runs/1/x/y": 0}
        assert bucket.sizes("v1/ml/runs/1/") == bucket.sizes("v1/ml/runs/1")
        assert bucket.sizes("v1/none") == {}

    def test_an_object_is_copied(self, bucket: Bucket) -> None:
        bucket.put("v1/ml/one", b"text")
        bucket.copy("v1/ml/one", "v1/web/two")
        assert bucket.get("v1/web/two", 4) == bucket.get("v1/ml/one", 4)

    def test_objects_are_deleted_and_missing_ones_are_no_error(self, bucket: Bucket) -> None:
        for name in "abc":
            bucket.put(f"v1/ml/{name}", b"")
        bucket.delete(["v1/ml/a", "v1/ml/none", "v1/ml/b"])
        bucket.delete([])
        assert list(bucket.sizes("v1/ml")) == ["v1/ml/c"]
