"""The package index of this machine, as secrets of a build."""

import os
import shutil
from configparser import RawConfigParser
from pathlib import Path

SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout")
AUTHORITIES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def secrets(folder: Path) -> dict[str, Path]:
    """Write pip's configuration and the certificates that it trusts to files in `folder`; return them by name.

    Mounted as secrets while packages are installed, they are in no layer and in no history.
    """
    settings = pip_settings()
    found: dict[str, Path] = {}
    authority = settings.pop("cert", "") or next((os.environ[n] for n in AUTHORITIES if os.environ.get(n)), "")
    if authority:
        found["ca.crt"] = folder / "ca.crt"
        shutil.copyfile(authority, found["ca.crt"])
        settings["cert"] = "/run/secrets/ca.crt"
    found["pip.conf"] = folder / "pip.conf"
    found["pip.conf"].touch(mode=0o600)  # an index's address may hold a password
    found["pip.conf"].write_text(
        "\n".join(["[global]", *(f"{name} = {value}" for name, value in settings.items()), ""])
    )
    return found


def pip_settings() -> dict[str, str]:
    """Return the index and certificates in pip's files and variables; uv's index if they name none.

    pip itself is not called, because an environment created by uv has none.
    """
    places = ["/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf", os.environ.get("PIP_CONFIG_FILE", "")]
    files = RawConfigParser()
    files.read([Path(place).expanduser() for place in places if place])
    found = {}
    for name in (*SETTINGS, "cert"):
        written = [files.get(section, name, fallback="") for section in ("install", "global")]
        variable = os.environ.get(f"PIP_{name.upper().replace('-', '_')}", "")
        if value := variable or written[0] or written[1]:
            found[name] = " ".join(value.split())
    if "index-url" not in found and os.environ.get("UV_DEFAULT_INDEX"):
        found["index-url"] = os.environ["UV_DEFAULT_INDEX"]
    return found
