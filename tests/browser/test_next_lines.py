"""Ten next lines in the trainer's page to write, in a real Chromium: kept and undone."""

import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.chromium import TRAINER, trainer_page
from tests.integration.texts import play

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SCENE = "HAMLET. I never loved you, my lady.\n\nOPHELIA. The king’s alone."
SOON = 60_000
expect.set_options(timeout=SOON)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory with real lines beside it."""
    folder = tmp_path_factory.mktemp("lines")
    plays, out = folder / "plays.txt", folder / "out"
    plays.write_text(play())
    train = ["train", "--data", plays, "--out", out / "model", "--preset", "test", "--set", "epochs=1"]
    subprocess.run([TRAINER, *train], check=True, capture_output=True)
    subprocess.run([TRAINER, "write", plays, "--out", out, "--cento", "--words", "20"], check=True, capture_output=True)
    return out / "model"


@pytest.fixture
async def page(model: Path) -> AsyncIterator[Page]:
    async with trainer_page(model) as shown:
        yield shown


async def test_a_line_is_kept_and_undone_and_continuations_are_asked_for(page: Page) -> None:
    text, choices = page.get_by_label("Your script"), page.locator("#choices li")
    await text.fill(SCENE)
    low = await text.bounding_box()
    await page.get_by_role("button", name="Ten lines").click()
    await expect(choices).to_have_count(10)
    second = (await choices.nth(1).inner_text()).removeprefix("Keep").strip()
    await page.keyboard.press("Alt+Digit2")
    kept = f"{SCENE}\n\n{second}"
    await expect(text).to_have_value(kept)
    await expect(choices).to_have_count(0)
    await page.reload()
    await expect(text).to_have_value(kept)
    await page.keyboard.press("Control+Enter")
    await expect(choices).to_have_count(3)
    await choices.first.get_by_role("button", name="Keep").click()
    assert (await text.input_value()).startswith(kept)
    await page.get_by_role("button", name="Undo").click()
    await expect(text).to_have_value(kept)
    await text.fill("\n\n".join([SCENE] * 9))
    high = await text.bounding_box()
    assert low
    assert high
    assert high["height"] > low["height"] + 200
    assert await text.evaluate("box => box.scrollHeight <= box.clientHeight + 4")


async def test_a_real_line_shows_its_source_which_its_file_has_as_a_note(page: Page) -> None:
    await page.get_by_label("Your script").fill(SCENE)
    await page.get_by_label("Lines are").select_option("real")
    await page.get_by_role("button", name="Ten lines").click()
    line = page.locator("#choices li").first
    await expect(line.locator("small")).to_have_text(re.compile("^plays, [A-Z]+$"))
    await line.get_by_role("button", name="Keep").click()
    await page.get_by_label("Title, for files").fill("The Wall")
    await page.get_by_label("Author, for files").fill("A. B.")
    async with page.expect_download() as download:
        await page.get_by_role("button", name="fountain").click()
    found = Path(await (await download.value).path()).read_text()
    assert found.startswith("Title: The Wall\nCredit: written by\nAuthor: A. B.\n")
    assert re.search(r" \[\[plays, [A-Z]+\]\]\n", found)
