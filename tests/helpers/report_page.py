"""A report opened in a real browser that has no network, and clicked through as a user would."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def opened(report):
    """(page, troubles): whatever the page logs as an error, throws, asks the user or fetches."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright (extra `dev`) is missing")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("no Chromium on this machine")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.set_offline(True)
        context.set_default_timeout(180_000)  # a busy machine shows a page late
        page, troubles = context.new_page(), []

        def asked(dialog):
            troubles.append(f"dialog: {dialog.message}")
            dialog.dismiss()

        page.on("dialog", asked)
        page.on("pageerror", lambda error: troubles.append(f"exception: {error}"))
        page.on("console", lambda m: m.type == "error" and troubles.append(f"error: {m.text}"))
        page.on(
            "request",
            lambda request: (
                request.url.startswith(("http", "ws", "ftp"))
                and troubles.append(f"request: {request.url}")
            ),
        )
        page.goto(Path(report).resolve().as_uri())
        page.wait_for_selector("nav")
        yield page, troubles
        browser.close()


def reached(page):
    """Names of all results that clicking through the categories opens or offers to save. Each page
    has text, each picture pixels, each file something in it, each caption words."""
    names = set()
    for category in page.evaluate("Object.keys(categories)"):
        page.locator("nav li a", has=page.get_by_text(category, exact=True)).click()
        toggles = page.locator("nav fieldset label").all() or [None]
        for toggle in toggles:
            page.locator("nav tbody tr").first.wait_for()
            for i in range(page.locator("nav tbody tr").count()):
                if toggle:  # it falls back whenever a caption is looked at
                    toggle.click()
                names.add(_open(page, page.locator("nav tbody tr").nth(i), category))
        page.locator("nav a", has=page.get_by_text("Results", exact=True)).first.click()
    return names


def _open(page, row, category):
    eye, about = row.locator("a").all()
    name = eye.get_attribute("download")
    if name:
        assert page.evaluate(
            "async (a) => (await (await fetch(a.href)).blob()).size > 0", eye.element_handle()
        ), name
    else:
        eye.click()
        name = page.evaluate("results[app.state.resultPath].name")
        _has_content(page, name)
    about.click()
    described = page.locator("nav").first.inner_text()
    assert page.evaluate("results[app.state.resultPath].caption.length > 100"), name
    assert "System Message" not in described
    page.locator("nav a", has=page.get_by_text(category, exact=True)).first.click()
    return name


def _has_content(page, name):
    if name.endswith(".png"):
        page.wait_for_function("document.querySelector('.h-screen img')?.naturalWidth > 0")
    elif name.endswith(".html"):
        body = page.frame_locator("iframe").locator("body")
        body.wait_for()
        assert len(body.inner_text()) > 40, name
    else:
        assert page.locator("iframe").get_attribute("src").startswith("data:application/pdf"), name
