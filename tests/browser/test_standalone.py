"""The page that writes without a network, in a real Chromium: it predicts what Python does, and writes whole lines."""

import itertools
import json
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from dev.paths import TRAINER_ENV
from tests.browser.chromium import chromium

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
expect.set_options(timeout=60_000)
MODEL = Path(__file__).with_name("standalone.py")
PROBABILITIES = """async ({ numbers, temperature }) => {
  const model = await started, reader = new Reader(model.arrays, model.described, temperature);
  return numbers.map((number) => {
    reader.read(number);
    const scores = reader.predict().map((each) => each / temperature), total = logSum(scores);
    return [...scores.map((each) => Math.exp(each - total))];
  });
}"""
LINES = """async (scene) => {
  const model = await started, begun = new Line(model, scene, 1.4);
  return Array.from({ length: 40 }, () => {
    const line = begun.copy();
    while (!line.over) line.next();
    return { name: line.name, tokens: line.tokens, printed: line.printed() };
  });
}"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("standalone")
    subprocess.run([TRAINER_ENV / "bin" / "python", MODEL, found], check=True)
    return found


@pytest.fixture
def folder(made: Path, request: pytest.FixtureRequest) -> Path:
    """What was made of one of the models."""
    return made / getattr(request, "param", "whole")


@pytest.fixture
def python(folder: Path) -> dict[str, Any]:
    """What Python expects of the page."""
    found: dict[str, Any] = json.loads((folder / "expected.json").read_text())
    return found


@pytest.fixture
async def page(folder: Path) -> AsyncIterator[Page]:
    """The page as a file; it asks for nothing else, and nothing of it fails."""
    asked: list[str] = []
    problems: list[str] = []
    async with chromium() as browser:
        shown = await browser.new_page()
        shown.on("request", lambda request: asked.append(request.url))
        shown.on("pageerror", lambda error: problems.append(str(error)))
        shown.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        address = (folder / "page.html").as_uri()
        await shown.goto(address)
        await expect(shown.get_by_role("status")).to_contain_text("Begin a scene")
        yield shown
    assert not problems
    assert {each for each in asked if not each.startswith("blob:")} == {address}


@pytest.mark.parametrize("folder", ["whole", "bare"], indirect=True)
async def test_the_page_predicts_what_python_predicts_from_the_same_weights(page: Page, python: dict[str, Any]) -> None:
    found = await page.evaluate(PROBABILITIES, {key: python[key] for key in ("numbers", "temperature")})
    for own, expected in zip(found, python["probabilities"], strict=True):
        assert own == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("folder", ["whole", "bare"], indirect=True)
async def test_each_line_is_a_whole_speech_of_somebody_else(page: Page) -> None:
    lines = await page.evaluate(LINES, "ANNA: The lamp waits.\n\nZOE: He waits.")
    assert {each["name"] for each in lines} > {"ANNA"}
    for each in lines:
        tokens = each["tokens"]
        assert each["name"] != "ZOE"
        assert each["printed"].startswith(f"{each['name'].replace('_', ' ')}: ")
        for opener, closer in (("<open-brack>", "<close-brack>"), ("<boquote>", "<eoquote>")):
            depths = list(itertools.accumulate((each == opener) - (each == closer) for each in tokens))
            assert min(depths) >= depths[-1] == 0
        enders = {"<eos>", "<question>", "<exclamation>", "<ellipsis>"}
        assert tokens[-1] in enders | {"<close-brack>", "<eoquote>"}
        assert 1 < len(tokens) < 80
        spoken = re.sub(r"<open-brack>.*?<close-brack> ?", "", " ".join(["<eos>", *tokens])).split()
        starts = [after for before, after in itertools.pairwise(spoken) if before in enders]
        assert not {"he", "she", "lamp", "waits"} & set(starts), "a sentence begins with a capital"
        assert not re.search(r"\b(?:waits|he|lamp) The\b", each["printed"])


async def test_a_line_is_kept_and_undone_with_the_keyboard_alone_and_stored(page: Page) -> None:
    text = page.get_by_label("Your scene")
    opening = await text.input_value()
    assert opening.startswith('ANNA: The "lamp" waits.')
    assert opening.endswith("don't")
    await expect(page.get_by_role("heading", level=1)).to_have_text("The <Lamp>")
    await page.get_by_label("Who speaks next").fill("Dora")
    await text.press("Control+Enter")
    await expect(page.get_by_role("status")).to_contain_text("Keep a line")
    second = await page.locator("#lines button").nth(1).inner_text()
    assert second.startswith("DORA: ")
    await page.keyboard.press("Alt+Digit2")
    await expect(text).to_have_value(f"{opening}\n\n{second}")
    await expect(text).to_be_focused()
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download as text").press("Enter")
    assert Path(await (await download.value).path()).read_text() == f"{opening}\n\n{second}\n"
    await page.reload()
    await expect(text).to_have_value(f"{opening}\n\n{second}")
    await text.press("Control+Enter")
    await page.locator("#lines button").first.press("Enter")
    await page.get_by_role("button", name="Undo").press("Enter")
    await expect(text).to_have_value(f"{opening}\n\n{second}")
    assert not [each["id"] for each in (await Axe().run(page)).response["violations"]]
    await page.set_viewport_size({"width": 390, "height": 844})
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("between", [": ", ". ", ".\n", "\n"])
async def test_a_kept_line_has_the_form_of_the_scene(page: Page, between: str) -> None:
    text = page.get_by_label("Your scene")
    scene = f"ANNA{between}The lamp waits.\n\nBEN{between}He waits, he."
    await text.fill(scene)
    for name in ("Dora", "Zoe"):  # who is not of the plays
        await page.get_by_label("Who speaks next").fill(name)
        await text.press("Control+Enter")
        await expect(page.locator("#lines button").first).to_contain_text(name.upper())
        line = await page.locator("#lines button").first.text_content()
        assert (line or "").startswith(f"{name.upper()}{between}")
    await page.keyboard.press("Alt+Digit1")
    await expect(text).to_have_value(f"{scene}\n\n{line}")
    cue = f"{scene}\n\nANNA{between.strip()}"
    await text.fill(cue)
    await text.press("Control+Enter")
    line = await page.locator("#lines button").first.text_content()
    await page.keyboard.press("Alt+Digit1")
    await expect(text).to_have_value(f"{scene}\n\n{line}")
    assert (line or "").startswith(f"ANNA{between}")


async def test_the_script_alone_is_printed(page: Page) -> None:
    await page.emulate_media(media="print")
    await expect(page.locator("#paper")).to_contain_text("lamp")
    await expect(page.get_by_role("button")).to_have_count(0)
