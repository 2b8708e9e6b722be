"""The method that CONTRIBUTING.md adds step by step passes the test that it gives."""

import re
import textwrap
from pathlib import Path

import numpy as np
import torch

from lens.reward import methods

PAGE = (Path(__file__).resolve().parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_example_of_a_new_method_works(monkeypatch):
    blocks = [textwrap.dedent(block) for block in re.findall(r"```python\n(.*?)```", PAGE, re.S)]
    function, entry, test = blocks
    scope = vars(methods) | {"methods": methods, "np": np, "torch": torch}
    exec(f"from __future__ import annotations\n{function}", scope)
    monkeypatch.setitem(methods.METHODS, "halfway", eval(entry, scope))
    exec(test, scope)
    scope["test_halfway_is_between_a_response_and_the_mean_of_its_side"]()
