"""`scriptmodel ui` in a real Chromium: a training as it runs, hostile text, outages, many objects, accessibility.

The trainer's pages are here too, as the command shows them.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from dev.programs.debian import need
from tests.browser.stage import EPOCHS, Stage, running, scriptmodel
from tests.held import epoch_done

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SOON = 60_000
TRAINED = 300_000
"""Milliseconds on a busy machine; a training starts TensorFlow."""
expect.set_options(timeout=SOON)
LIVE, LONG = "models/live/hamlet", "models/shown/long"
"""Below the address of the pages."""
MANY = 500
SCENE = "HAMLET: <script>alert(1)</script>\n\nOPHELIA: My lord, I"
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with running(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    need({"chromium": "chromium"})
    with sync_playwright() as playwright:
        # As root, as in a container of CI, Chromium starts without its sandbox only.
        yield playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])


@pytest.fixture
def context(stage: Stage, browser: Browser) -> Iterator[BrowserContext]:
    """A browser that was let in. Whatever its pages show, they run nothing foreign and nothing of them fails."""
    problems: list[str] = []
    found = browser.new_context(base_url=stage.base)
    found.grant_permissions(["clipboard-read", "clipboard-write"])
    found.set_default_timeout(SOON)
    page = found.new_page()
    page.goto(stage.address())
    page.wait_for_url(stage.base)
    page.close()
    found.on(
        "console",
        lambda message: problems.append(f"{message.text} {message.location}") if message.type == "error" else None,
    )
    found.on("weberror", lambda error: problems.append(str(error.error)))
    found.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
    yield found
    found.close()
    # An outage, and a speaker whom nobody knows.
    assert not [each for each in problems if "ERR_" not in each and "status of 400" not in each], problems


def opened(context: BrowserContext, path: str) -> Page:
    page = context.new_page()
    page.goto(path)
    return page


def check_accessible(page: Page) -> None:
    """Check for what a screen reader cannot use, in both colour schemes, and that pages fit screen and telephone."""
    for scheme, size, rules in (("light", (1400, 900), {}), ("dark", (390, 844), {"runOnly": ["color-contrast"]})):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": size[0], "height": size[1]})
        found = Axe().run(page, options=rules).response["violations"]
        assert not [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in SERIOUS], page.url
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url


def test_a_training_is_shown_as_it_runs_in_two_tabs(stage: Stage, context: BrowserContext) -> None:
    everything, one = opened(context, "."), opened(context, LIVE)
    row = everything.locator("li", has=everything.get_by_role("link", name="hamlet"))
    expect(one.locator("#curve .live")).to_contain_text("epoch", timeout=TRAINED)
    expect(row.locator(".state")).to_contain_text(f"/{EPOCHS}")
    first = one.locator("#curve .live").inner_text()
    stage.hold.write_text(epoch_done(2))
    expect(one.locator("#curve .live")).not_to_have_text(first)
    expect(one.locator("#log-train")).to_contain_text("Epoch: 2 Valid Perplexity")
    expect(one.locator("#curve polyline.two")).to_have_attribute("points", re.compile(r"\d \d"))
    one.get_by_text("Table of the curve").click()
    stage.hold.write_text(epoch_done(3))
    expect(one.locator("#log-train")).to_contain_text("Epoch: 3 Valid Perplexity")
    expect(one.locator("#figures")).to_have_attribute("open", "")  # what was opened stays open
    check_accessible(everything)


def test_hostile_text_is_shown_as_text(stage: Stage, context: BrowserContext) -> None:
    page = opened(context, LONG)
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    for path in (".", LONG):
        page.goto(path)
        expect(page.locator("main")).to_contain_text("<script>alert(2)</script>")


def test_an_outage_of_the_api_server_is_shown_and_ends(stage: Stage, context: BrowserContext) -> None:
    page = opened(context, ".")
    expect(page.get_by_role("link", name="hamlet")).to_be_visible()
    stage.cut()
    expect(page.get_by_role("status")).to_contain_text("The API server does not answer")
    expect(page.get_by_role("link", name="hamlet")).to_be_visible()
    stage.restore()
    expect(page.get_by_role("status")).to_be_empty()
    stage.create(scriptmodel("shown", "new", {"corpus": {"repo": {"name": "plays"}}}))
    expect(page.get_by_role("link", name="new", exact=True)).to_be_visible()
    stage.control_plane.kubectl("-n", "shown", "delete", "sm", "new")
    expect(page.get_by_role("link", name="new", exact=True)).to_have_count(0)


def test_a_trained_model_has_lineage_script_samples_and_report(stage: Stage, context: BrowserContext) -> None:
    stage.hold.unlink()
    page = opened(context, ".")
    row = page.locator("li", has=page.get_by_role("link", name="hamlet"))
    expect(row.locator(".badge")).to_have_text("Generated", timeout=TRAINED)
    page.goto(LIVE)
    page.get_by_text("Table of the curve").click()
    expect(page.locator("#figures tbody tr")).to_have_count(EPOCHS)
    page.locator("#lineage").get_by_role("link", name="test").click()
    page.get_by_role("link", name="Its report").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Script model")
    page.goto(LIVE)
    page.get_by_role("link", name="Read the script").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto(LIVE)
    page.locator("#lineage").get_by_role("link", name="words").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download /new_script.fountain").click()
    assert download.value.suggested_filename == "new_script.fountain"
    assert Path(download.value.path()).read_text()


def test_a_writer_keeps_one_of_three_continuations_and_downloads(stage: Stage, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(stage.writer("live", "hamlet"))
    expect(page.get_by_role("button", name="Continue")).to_be_enabled(timeout=TRAINED)  # trainer and page have started
    text = page.get_by_label("Your script")
    text.fill(SCENE)
    page.get_by_label("Words").fill("40")
    page.get_by_label("Cast").fill("OPHELIA")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#say")).to_contain_text("Keep one")
    expect(page.locator("#choices li")).to_have_count(3)
    written = "\n".join(page.locator("#choices li").all_inner_texts())
    assert set(re.findall(r"^\[ ([A-Z ]+) \]:", written, re.MULTILINE)) <= {"OPHELIA"}
    check_accessible(page)
    page.keyboard.press("Alt+Digit2")
    kept = text.input_value()
    assert kept.startswith(SCENE)
    assert len(kept.split()) > len(SCENE.split()) + 5
    assert "{{" not in kept
    with page.expect_download() as download:
        page.get_by_role("button", name="fountain").click()
    assert "OPHELIA\nMy lord, I" in Path(download.value.path()).read_text()
    page.get_by_label("Words").fill("10")
    page.get_by_label("Next speaker").fill("NOBODY AT ALL")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#say")).to_contain_text("could not be written: unknown speaker")
    page.get_by_role("link", name="Report").click()
    expect(page.get_by_role("heading", name="The corpus")).to_be_visible()


def test_everybody_can_use_the_pages(stage: Stage, context: BrowserContext) -> None:
    page = opened(context, LIVE)
    expect(page.locator("main")).to_contain_text("Log")
    check_accessible(page)


def test_five_hundred_objects_appear_and_can_be_filtered(stage: Stage, context: BrowserContext) -> None:
    spec = {"corpus": {"repo": {"name": "plays"}}}
    page = opened(context, ".")
    stage.create(*(scriptmodel("shown", f"many-{number:03}", spec) for number in range(MANY)))
    expect(page.locator("#rows > li")).to_have_count(MANY + 2)
    expect(page.locator("#counts")).to_contain_text(f"{MANY + 2} ScriptModels")
    page.get_by_role("searchbox").fill("many-123")
    expect(page.locator("#rows > li:visible")).to_have_count(1)
    names = page.locator("#rows > li h2").all_text_contents()  # what is not drawn yet has no inner text
    assert names == sorted(names, key=lambda name: ("live" if name == "hamlet" else "shown", name))
