"""Jobs by cell: which reward models share a job, and what stands when the config grows."""

import json
import shlex
from pathlib import Path

import pytest

from lens.cli import build_parser
from lens.workflow import batches, flags, inputs
from lens.workflow.batches import Cell
from lens.workflow.paths import At
from tests.helpers.configs import resolved

SMALL = "tests/small.yaml"
AT = At("dialogue", "tiny-llama", "200")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A run's folder, with nothing in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results/small"


def rows(config):
    """{(place, number): METHOD/xSCALE of its cells}"""
    return {(one.at, one.number): [c.row for c in one.cells] for one in batches.batches(config)}


def finish(folder, config):
    for one in batches.batches(config):
        file = folder / f"train_reward/{one.place}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([cell.row for cell in one.cells]))


def test_all_methods_and_scales_of_a_place_share_a_job(folder):
    found = rows(resolved(SMALL))
    assert set(found) == {(AT, 0), (AT._replace(dataset="summary"), 0)}
    assert len(found[AT, 0]) == 15
    assert {"original/x1", "repeat/x4", "lens/x4", "linear_probe/x1"} <= set(found[AT, 0])
    sweeps = rows(resolved(SMALL, "tests/sweeps.yaml"))
    assert {"gamma_0.0/x4", "noise_variance_1.0/x4"} <= set(sweeps[AT, 0])
    assert len(sweeps[AT._replace(model="tiny-llama.layer_1"), 0]) == 5


def test_what_is_added_makes_a_job_of_its_own_and_what_stands_keeps_its_own(folder):
    first = rows(resolved(SMALL))
    finish(folder, resolved(SMALL))
    assert rows(resolved(SMALL)) == first
    more = rows(resolved(SMALL, {"compare": {"scales": [4, 2]}}))
    assert more[AT, 0] == first[AT, 0]
    scaled = ["repeat", "lens", "lens_converged", "direct_perturbation", "gaussian_sampling"]
    more_scaled = ["lens_plus", "active_repeat", "active_lens", "active_lens_plus"]
    assert sorted(more[AT, 1]) == sorted(f"{name}/x2" for name in [*scaled, *more_scaled])
    less = {"compare": {"methods": ["original", "repeat", "lens"]}}
    assert rows(resolved(SMALL, less)) == first  # nothing is trained anew for what is left out


def test_lists_may_have_gaps_or_name_a_cell_twice(folder):
    """A list that was removed by hand, or that another version has left."""
    place = folder / f"train_reward/{AT}"
    place.mkdir(parents=True)
    (place / "cells_1.json").write_text('["original/x1", "repeat/x4"]')
    (place / "cells_10.json").write_text('["repeat/x4", "lens/x4"]')
    found = rows(resolved(SMALL))
    assert found[AT, 1] == ["original/x1", "repeat/x4"]
    assert found[AT, 10] == ["lens/x4"]
    assert len(found[AT, 11]) == 12
    every = [row for (at, _), cells in found.items() if at == AT for row in cells]
    assert len(every) == len(set(every)) == 15


def test_rules_are_called_after_their_place_alone(folder):
    """A job on a cluster reads the Snakefile again, when other jobs have left their lists."""
    config = resolved(SMALL)
    before = [(one.rule, one.cells) for one in batches.batches(config)]
    assert before[0][0] == "at_dialogue_tiny_llama_n200_0"
    finish(folder, config)
    assert [(one.rule, one.cells) for one in batches.batches(config)] == before
    grown = resolved(SMALL, {"compare": {"scales": [4, 2]}})
    assert set(dict(before)) < {one.rule for one in batches.batches(grown)}


def test_a_swept_value_that_is_left_out_leaves_its_job(folder):
    swept = resolved(SMALL, "tests/sweeps.yaml")
    finish(folder, swept)
    other = rows(resolved(SMALL, "tests/sweeps.yaml", {"sweeps": {"gamma": [0.1, 0.7]}}))
    assert "gamma_0.0/x4" not in other[AT, 0]
    assert other[AT, 1] == ["gamma_0.7/x4"]


def test_what_a_job_of_its_own_has_made_keeps_it(folder):
    config = resolved(SMALL)
    note = folder / f"benchmarks/train_reward/{AT}/lens/x4.jsonl"
    note.parent.mkdir(parents=True)
    note.write_text("{}\n")
    found = rows(config)
    assert "lens/x4" not in found[AT, 0]
    assert len(found[AT, 0]) == 14


def test_the_commands_of_a_job_are_those_of_its_cells(folder):
    config = resolved(SMALL, {"sweeps": {"noise_variance": [1.0]}, "artefacts": ["figure_2"]})
    (batch,) = (one for one in batches.batches(config) if one.at == AT)
    parser, seen = build_parser(), set()
    for shared, own in (
        (flags.training_command(config, AT), flags.training_cell_flags),
        (flags.judging_command(config, AT), flags.judging_cell_flags),
    ):
        for cell, text in zip(batch.cells, flags.of_cells(config, batch.cells, own), strict=True):
            name, *words = shlex.split(text)
            args = parser.parse_args([*shlex.split(shared), *words])
            assert name == cell.row
            assert str(args.n_pairs) == "200"
            if args.command == "best-of-n":
                assert (args.method, args.scale) == (cell.method, cell.scale)
                assert set(args.models) <= set(batches.to_judge(config, batch))
                assert {args.out_prompts, args.out_pairs, args.metrics} <= set(
                    batches.judged(config, batch)
                )
            else:
                noise = 1.0 if cell.method == "noise_variance_1.0" else 0.01
                assert args.noise_variance == noise
                assert f"{args.out_dir}/metrics.json" in batches.trained(config, batch)
                assert bool(args.vae_dir) == bool(inputs.vae_files(config, cell))
            seen.add((args.command, cell.row))
    assert len(seen) == 2 * len(batch.cells)


def test_cells_are_known_by_their_files():
    file = "results/r/best_of_n/d/m.layer_1/n20/gamma_0.5/x4/prompts.parquet"
    assert batches.cell_of(file) == Cell("d", "m.layer_1", "20", "gamma_0.5", "4")
    assert batches.cell_of("results/r/best_of_n_text/d/m/n20/lora/standard/all/x") is None
    assert str(Path("a") / batches.cell_of(file).row) == "a/gamma_0.5/x4"
