"""Take the picture of a page of `scriptmodel ui`, such as the README's.

    python -m dev.generate.screenshot docs/pictures/page.png ADDRESS /models/default/shakespeare

ADDRESS is what `scriptmodel ui --no-browser` or `make demo KEEP=1` prints; it lets one browser in.
"""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

_SETTLED_MS = 3000
"""What a page reads in the background comes within this time."""


def take(out: Path, address: str, path: str) -> None:
    """Write the upper part of a page as PNG."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1240, "height": 800})
        page.goto(address)
        page.wait_for_url(lambda url: "?code=" not in url)
        page.goto(page.url + path.removeprefix("/"))
        page.wait_for_timeout(_SETTLED_MS)
        page.screenshot(path=out)
        browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("address")
    parser.add_argument("path", nargs="?", default="/")
    args = parser.parse_args()
    take(args.out, args.address, args.path)
