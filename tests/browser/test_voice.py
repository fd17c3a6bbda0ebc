"""The tab Voice of the trainer's page, in a real Chromium: a draft is pasted or opened, and heard beside the plays."""

import random
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from dev.paths import TRAINER_ENV
from tests.browser.chromium import trainer_page

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
expect.set_options(timeout=60_000)
PLAIN = "we must go to the bank and count the money before the clerk comes back from dinner"
GRAND = "O radiant queen of heaven thy silver arrows pierce my wounded heart with sorrow evermore"
KEEP = """from pathlib import Path; import sys; from scriptmodel_trainer.corpus.speeches import speeches_beside
speeches_beside(Path(sys.argv[1]), [Path(sys.argv[2])])"""
DRAFT = "JOHN: {}\n\nMARY: Telephone <b>the bank</b>, frankly."


def said(words: str, seed: int) -> str:
    return " ".join(random.Random(seed).choices(words.split(), k=12)) + "."


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    """The page of a model directory beside which the speeches of a play are stored."""
    lines = [f"CLERK: {said(PLAIN, number)}\n\nQUEEN: {said(GRAND, number)}\n" for number in range(60)]
    (tmp_path / "play.txt").write_text("\n".join(lines))
    (tmp_path / "model").mkdir()
    subprocess.run([TRAINER_ENV / "bin" / "python", "-c", KEEP, tmp_path, tmp_path / "play.txt"], check=True)
    async with trainer_page(tmp_path / "model", "Voice") as shown:
        yield shown


async def test_each_speech_of_a_pasted_draft_shows_whose_it_is_and_what_is_unusual(page: Page) -> None:
    await page.get_by_label("Your draft").fill(DRAFT.format(said(GRAND, 99)))
    await page.get_by_role("button", name="Listen").click()
    people = page.get_by_role("region", name="Characters").get_by_role("listitem")
    await expect(people.first).to_contain_text("JOHN 1 speech, 12 words: clearly QUEEN (play)")
    speeches = page.get_by_role("region", name="Speeches").get_by_role("listitem")
    await expect(speeches).to_have_count(2)
    await expect(speeches.last).to_contain_text("Telephone <b>the bank</b>, frankly.")
    await expect(speeches.last.locator("mark")).to_contain_text("Telephone")
    await page.get_by_label("only those to look at").check()
    await expect(speeches.first).to_be_hidden()
    assert "JOHN: " in await page.get_by_label("Your draft").input_value()
    assert "nats" not in await page.content()
    assert not [each["id"] for each in (await Axe().run(page)).response["violations"] if each["impact"] == "serious"]


async def test_a_draft_that_is_opened_shows_its_tics_with_their_places(page: Page, tmp_path: Path) -> None:
    (tmp_path / "draft.txt").write_text("\n\n".join(f"JOHN: Frankly, {said(PLAIN, seed)}" for seed in range(80, 88)))
    await page.get_by_label("open a file").set_input_files(tmp_path / "draft.txt")
    await page.get_by_role("button", name="Listen").click()
    tics = page.get_by_role("region", name="Tics").get_by_role("listitem")
    await expect(tics.first).to_contain_text("frankly: 8 times (never there), mostly JOHN; lines 1, 3, 5")
    await tics.first.get_by_role("link", name="3", exact=True).click()
    await expect(page.locator("li:target")).to_contain_text("line 3 JOHN: Frankly")


async def test_a_file_that_cannot_be_read_is_named_with_what_to_do(page: Page, tmp_path: Path) -> None:
    (tmp_path / "draft.pdf").write_bytes(b"%PDF-1.4\n")
    await page.get_by_label("open a file").set_input_files(tmp_path / "draft.pdf")
    await page.get_by_role("button", name="Listen").click()
    await expect(page.locator("#banner")).to_contain_text("draft.pdf")
    await expect(page.locator("#banner")).not_to_contain_text("/tmp")
