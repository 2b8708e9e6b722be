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
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--disable-gpu", *root]
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


# Opens each row of a category, and its caption, by the page's own events: the mouse takes thirty
# times as long, most of it for painting. A toggle falls back whenever a caption is looked at.
CLICKS = """async (category) => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const named = (selector) => all(selector).find((a) => a.textContent.trim() === category);
  const click = async (element) => { element.click(); await null; };
  const found = [];
  await click(named("nav li a"));
  const toggles = all("nav fieldset label").length;
  for (let toggle = 0; toggle < (toggles || 1); toggle++)
    for (let row = 0; ; row++) {
      if (toggles) await click(all("nav fieldset label")[toggle]);
      if (!all("nav tbody tr")[row]) break;
      const [eye, about] = all("a", all("nav tbody tr")[row]);
      const saved = eye.getAttribute("download");
      if (!saved) await click(eye);
      const shown = all(".h-screen img, iframe").map((element) => element.src);
      await click(about);
      const {name, caption, data_uri} = results[app.state.resultPath];
      found.push({
        name, toggle, row, caption,
        opens: saved === name || shown.includes(data_uri),
        data: fetch(saved ? eye.href : data_uri).then((answer) => answer.blob()),
        described: document.querySelector("nav").textContent,
      });
      await click(named("nav a"));
    }
  for (const file of found) {
    const data = await file.data;
    file.data = file.name.endsWith(".png") ? (await createImageBitmap(data)).width : data.size;
  }
  return found;
}"""


def reached(page):
    """Names of all results that clicking through the categories opens or offers to save. Each has
    something in it, and a caption of words. One file of each kind is opened with the mouse, and
    shows: a page text, a picture pixels."""
    names, kinds = set(), set()
    for category in page.evaluate("Object.keys(categories)"):
        for file in page.evaluate(CLICKS, category):
            name = file["name"]
            names.add(name)
            assert file["opens"], name
            assert file["data"] > 40, name
            assert len(file["caption"]) > 100, name
            assert "System Message" not in file["described"], name
            if Path(name).suffix not in kinds:
                kinds.add(Path(name).suffix)
                if toggles := page.locator("nav fieldset label").all():
                    toggles[file["toggle"]].click()
                row = page.locator("nav tbody tr").nth(file["row"])
                assert _open(page, row, category) == name
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
