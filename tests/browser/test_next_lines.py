"""Ten next lines in the trainer's page to write, in a real Chromium: kept whole or in part, undone, brought back."""

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
    async with trainer_page(model, "Write") as shown:
        yield shown


async def test_a_line_is_kept_whole_or_up_to_a_word_and_the_others_come_back(page: Page) -> None:
    text, lines = page.get_by_label("Your script"), page.locator("#lines li")
    await text.fill(SCENE)
    low = await text.bounding_box()
    await page.get_by_role("button", name="Ten lines").click()
    await expect(lines).to_have_count(10)
    words = lines.nth(2).locator("span")
    first = (await words.first.inner_text()).strip()
    await words.first.click()
    await expect(text).to_have_value(f"{SCENE}\n\nHAMLET. {first}")
    await expect(lines.first).to_be_hidden()
    await page.keyboard.press("Control+z")
    await expect(text).to_have_value(SCENE)
    await page.get_by_role("button", name="Bring back").click()
    whole = "".join(await lines.nth(1).locator("span").all_inner_texts()).strip()
    await page.keyboard.press("Alt+Digit2")
    await expect(text).to_have_value(f"{SCENE}\n\nHAMLET. {whole}")
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
    line = page.locator("#lines li").first
    await expect(line.locator("small")).to_have_text(re.compile("^plays, [A-Z]+$"))
    await line.get_by_role("button", name="Keep").click()
    await page.get_by_label("Title, for files").fill("The Wall")
    await page.get_by_label("Author, for files").fill("A. B.")
    async with page.expect_download() as download:
        await page.get_by_role("button", name="fountain").click()
    found = Path(await (await download.value).path()).read_text()
    assert found.startswith("Title: The Wall\nCredit: written by\nAuthor: A. B.\n")
    assert re.search(r" \[\[plays, [A-Z]+\]\]\n", found)
