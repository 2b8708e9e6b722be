"""The reference of the config's keys."""

import importlib.util

from lens.workflow.config import Config
from tests.helpers.workflow_tools import ROOT


def test_page_is_up_to_date_and_has_every_key():
    script = ROOT / "docs/make_config_reference.py"
    spec = importlib.util.spec_from_file_location("make_config_reference", script)
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    page = maker.reference()
    written = (ROOT / "docs/config.md").read_text(encoding="utf-8")
    assert written == page, "the config changed: run `python docs/make_config_reference.py`"
    for key in Config.model_fields:
        assert f"| `{key}` |" in page
    for section in ("vae", "theory.vae", "models.NAME.load", "rejection_sampling.judge.endpoint"):
        assert f"\n## `{section}`\n" in page
    assert "| `gamma` | number, >= 0 | `0.1` | Weight of the distance" in page
    assert "| `precision` | `high`, `fast` | `high` |" in page
