"""Take the picture of a page of `scriptmodel ui`, such as the README's.

    python -m dev.generate.screenshot docs/pictures/page.png ADDRESS /models/default/shakespeare

ADDRESS is what `scriptmodel ui --no-browser` or `make demo KEEP=1` prints.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Literal

from playwright.sync_api import sync_playwright

_SETTLED_MS = 3000
"""What a page reads in the background comes within this time."""


def take(out: Path, address: str, path: str, width: int, height: int, *, dark: bool) -> None:
    """Write the upper part of a page as PNG."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        scheme: Literal["dark", "light"] = "dark" if dark else "light"
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        page = context.new_page()
        page.goto(address)
        page.goto(address.partition("/?")[0] + path)
        page.wait_for_timeout(_SETTLED_MS)
        page.screenshot(path=out)
        browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("address")
    parser.add_argument("path", nargs="?", default="/")
    parser.add_argument("--width", type=int, default=1240)
    parser.add_argument("--height", type=int, default=800)
    parser.add_argument("--dark", action="store_true")
    args = parser.parse_args()
    take(args.out, args.address, args.path, args.width, args.height, dark=args.dark)
