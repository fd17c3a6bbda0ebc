"""The trainer's own pages in a real Chromium: writing with a model, and whether everybody can use them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

from dev.paths import TRAINER_ENV
from tests.integration.texts import play

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: `python3 -m dev.programs.debian chromium` installs one"),
]
SOON = 60_000
"""Milliseconds on a busy machine."""
expect.set_options(timeout=SOON)
TRAINER = TRAINER_ENV / "bin/scriptmodel-trainer"
SCENE = "HAMLET: <script>alert(1)</script>\n\nOPHELIA: My lord, I"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The link that lets a browser in to the pages of a model."""
    folder = tmp_path_factory.mktemp("writing")
    (folder / "play.txt").write_text(play())
    train = [TRAINER, "train", "--data", folder / "play.txt", "--out", folder / "model", "--preset", "test"]
    subprocess.run(train, check=True, stdout=subprocess.DEVNULL)
    (folder / "new_script.txt").write_text("[ HAMLET ]: To be .\n    Or not .\n{{ Exit . }}\n")
    (folder / "generation.json").write_text('{"samples": [{"file": "new_script.txt"}]}')
    command = [TRAINER, "ui", folder / "model", "--base-path", "/at/a/path", "--until-eof", "--no-browser"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdin is not None
        yield running.stdout.readline().strip()
        running.stdin.close()


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    """A browser that was let in, whose pages report no error."""
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        found = browser.new_context(base_url=address.partition("?")[0]).new_page()
        found.set_default_timeout(SOON)
        found.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        found.on("pageerror", lambda error: errors.append(str(error)))
        found.on("dialog", lambda dialog: errors.append(dialog.message))
        found.goto(address)
        expect(found.get_by_role("heading", level=1)).to_be_visible()
        yield found
        browser.close()
    assert not [each for each in errors if "status of 400" not in each]  # a speaker whom nobody knows


def test_three_continuations_one_is_kept_undone_and_downloaded(page: Page) -> None:
    page.get_by_role("link", name="Write", exact=True).click()
    text = page.get_by_label("Your script")
    text.fill(SCENE)
    page.get_by_label("Words").fill("40")
    page.get_by_label("Cast").fill("OPHELIA")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#say")).to_contain_text("Keep one")
    expect(page.get_by_role("article")).to_have_count(3)
    assert set(page.locator("article .cue").all_inner_texts()) <= {"OPHELIA"}
    page.keyboard.press("Alt+Digit2")
    kept = text.input_value()
    assert kept.startswith(SCENE)
    assert len(kept.split()) > len(SCENE.split()) + 5
    assert "[ OPHELIA ]" not in kept
    page.reload()
    expect(text).to_have_value(kept)
    with page.expect_download() as download:
        page.get_by_role("button", name="fountain").click()
    assert "OPHELIA\nMy lord, I" in Path(download.value.path()).read_text()
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#say")).to_contain_text("Keep one")
    page.get_by_role("button", name="Keep").first.click()
    assert text.input_value() != kept
    page.get_by_role("button", name="Undo").click()
    expect(text).to_have_value(kept)
    page.get_by_label("Words").fill("10")
    page.get_by_label("Next speaker").fill("NOBODY AT ALL")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#say")).to_contain_text("could not be written: unknown speaker")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_the_pages(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": 390, "height": 844} if scheme == "dark" else {"width": 1400, "height": 900})
    for path in ("1/", "1/script", "1/write"):
        page.goto(path)
        found = Axe().run(page).response["violations"]
        assert not [
            (each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")
        ]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
