"""docs/notebook.ipynb: its cells run in order, as in Jupyter, with a tiny encoder."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pytest

from tests.helpers.workflow_tools import ROOT

CELLS = json.loads((ROOT / "docs/notebook.ipynb").read_text(encoding="utf-8"))["cells"]
CODE = [cell for cell in CELLS if cell["cell_type"] == "code"]


def test_no_output_is_kept():
    assert [cell["outputs"] for cell in CODE] == [[]] * len(CODE)
    assert {cell["execution_count"] for cell in CODE} == {None}


@pytest.mark.slow
def test_cells_run_and_draw_what_they_measured(tmp_path, llama_folder, monkeypatch, capsys):
    (tmp_path / "encoder").symlink_to(llama_folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda: None)
    names = {}
    for cell in CODE:
        exec("".join(cell["source"]), names)
    printed = capsys.readouterr().out
    assert "repeat 2x" in printed
    assert "the first is preferred with probability" in printed
    first, second = names["rewards"]
    assert names["probability"] == pytest.approx(1 / (1 + np.exp(second - first)), rel=1e-4)
    (points, *_), *_ = names["axes"].containers
    assert sorted(points.get_xdata()) == pytest.approx(
        sorted(100 * accuracy.mean for accuracy in names["advice"].accuracy.values())
    )
    plt.close(names["figure"])
