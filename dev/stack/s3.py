"""An S3 server with one bucket, as a process on loopback."""

from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Self

from dev.processes import Program, free_port
from dev.programs.built import versitygw

HEALTH = "/health"


class S3Server(Program):
    """versitygw over the folder `root`, which keeps what the bucket has when the server is started again."""

    bucket = "scriptmodel"
    region = "us-east-1"
    access_key = "scriptmodel"
    secret_key = "not-a-secret-on-loopback"  # noqa: S105 - it opens a bucket of a test

    def __init__(self, root: Path, *options: str) -> None:
        """`options` are versitygw's own, such as --readonly."""
        self.folder = root / "buckets" / self.bucket
        self.address = f"127.0.0.1:{free_port()}"
        listen = [f"--port={self.address}", f"--region={self.region}", f"--health={HEALTH}", "--quiet"]
        command = [str(versitygw()), *listen, *options, "posix", str(self.folder.parent)]
        env = {"ROOT_ACCESS_KEY_ID": self.access_key, "ROOT_SECRET_ACCESS_KEY": self.secret_key}
        super().__init__("versitygw", command, root / "versitygw.log", env=env)

    @property
    def url(self) -> str:
        """The bucket, as --storage takes it."""
        return f"s3://{self.bucket}"

    @property
    def endpoint(self) -> str:
        """The server, as --storage-endpoint takes it."""
        return f"http://{self.address}"

    @property
    def credentials(self) -> Mapping[str, str]:
        """The environment of a client."""
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)  # the folder is the bucket
        super().start()
        self.wait_until(self._answers)

    def _answers(self) -> bool:
        connection = HTTPConnection(self.address, timeout=5)
        try:
            connection.request("GET", HEALTH)
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self
