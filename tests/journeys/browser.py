"""Debian's Chromium through Playwright: a person's pages, with a picture of each as a test artefact."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

ARTEFACTS = Path(__file__).resolve().parents[2] / "artefacts"
CHROMIUM = os.environ.get("HESUAN_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")

FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
"""They keep the browser on this machine: left out, it looks for its maker's hosts at every start."""

PATIENCE_MS = 120_000
"""How long a page is waited for on a machine that is busy with other tests [ms]."""
expect.set_options(timeout=PATIENCE_MS)

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser; without its sandbox only where there is no other way, as root."""
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visitor:
    """One person at one browser, and where their pictures go."""

    page: Page
    address: str
    pictures: Path

    def go(self, path: str) -> int:
        """Opens a page; returns its HTTP status."""
        response = self.page.goto(self.address + path)
        assert response is not None
        return response.status

    def sign_in(self, username: str, password: str) -> None:
        """Through the page that everybody uses."""
        self.go("/accounts/login/")
        self.page.locator("input[name=login]").fill(username)
        self.page.locator("input[name=password]").fill(password)
        self.page.locator("main form button[type=submit]").first.click()
        self.page.wait_for_load_state()
        assert "/accounts/login" not in self.page.url, self.page.locator("main").inner_text()

    def press(self, mark: str) -> None:
        """Presses what carries a ``data-test`` mark and waits for the page that follows."""
        with self.page.expect_navigation():
            self.page.locator(f"[data-test={mark}]").first.click()

    def says(self, text: str) -> bool:
        """Whether the page shows a text."""
        return text in self.page.locator("body").inner_text()

    def picture(self, name: str) -> None:
        """Keeps the whole page as a PNG, wide and narrow; nothing may stick out at the side."""
        for size, viewport in (("wide", WIDE), ("narrow", NARROW)):
            self.page.set_viewport_size(viewport)  # type: ignore[arg-type]
            self.page.screenshot(path=self.pictures / f"{name}-{size}.png", full_page=True)
            sticks_out = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert sticks_out <= 0, f"{name} is {sticks_out} px too wide at {viewport['width']} px"
        self.page.set_viewport_size(WIDE)  # type: ignore[arg-type]


@contextmanager
def visitor(
    browser: Browser,
    address: str,
    pictures: Path,
    *,
    language: str = "zh-CN",
    dark: bool = False,
    script: bool = True,
) -> Iterator[Visitor]:
    """A fresh browser profile: no cookies, a language, light or dark, with or without JavaScript."""
    pictures.mkdir(parents=True, exist_ok=True)
    context = browser.new_context(
        locale=language,
        color_scheme="dark" if dark else "light",
        java_script_enabled=script,
        accept_downloads=True,
        viewport=WIDE,  # type: ignore[arg-type]
    )
    context.set_default_timeout(PATIENCE_MS)
    try:
        yield Visitor(context.new_page(), address, pictures)
    finally:
        context.close()
