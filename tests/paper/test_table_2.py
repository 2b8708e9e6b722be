"""Table 2 from costs made up, every figure worked out by hand."""

import pandas as pd
import pytest

from lens.core.errors import LensError
from lens.files import cost
from lens.paper import table_2
from lens.paper.table_2 import Stage
from lens.report import paper_comparison

SEEDS = [0, 1]


def stage(wall, metrics=None, seconds=None, parameters=0):
    job = dict.fromkeys(("cpu_seconds", "device_seconds", "tokens", "new_tokens"), 1)
    job |= {"device": "cpu", "parameters": parameters, "trained_parameters": 0}
    return Stage(metrics or {}, {}, job | {"wall_seconds": wall, "seconds": seconds or {}})


def stages(**changed):
    return {
        # seed 0 asks 30 of the 40 prompts, seed 1 asks 20
        "sample_responses": stage(80, {"prompts": 40}, parameters=8000),
        "score_responses": stage(40, {"prompts": 40}),
        "label_pairs": stage(4, {"by_seed": {"0": {"prompts": 30}, "1": {"prompts": 20}}}),
        "train_annotator": stage(100),
        # 10 s outside of the parts, over 2 parts
        "train_text": stage(40, seconds={"x8/seed_0": 10, "x8/seed_1": 20}),
        "train_text_repeat": stage(
            60, seconds={f"x{k}/seed_{s}": 10 for k in (2, 8) for s in SEEDS}
        ),
        "embed_pairs": stage(50, {"texts": 1000}),
        "train_vae": stage(6, parameters=500),
        "train_reward": stage(10, seconds={"drawing": 2}),
        "train_reward_repeat": stage(8),
    } | changed


def seconds(**changed):
    rows = table_2.per_seed(stages(**changed), SEEDS, n_pairs=100, scale=8)
    long = table_2.routes(pd.DataFrame(rows))
    return long.set_index(["route", "quantity", "seed"])["seconds"]


def test_every_figure_by_hand():
    found = seconds()
    textual, latent = found["textual"].unstack(), found["latent"].unstack()
    assert textual.loc["generation"].tolist() == [60 + 30 + 2, 40 + 20 + 2]
    assert textual.loc["training"].tolist() == [10 + 5, 20 + 5]
    assert textual.loc["total"].tolist() == [107, 87]
    assert textual.loc["annotator"].tolist() == [100, 100]  # once, whole, and not in the total
    assert textual.loc["total_with_annotator"].tolist() == [207, 187]
    assert textual.loc["extraction"].tolist() == [0, 0]
    assert latent.loc["generation"].tolist() == [3 + 1, 3 + 1]
    assert latent.loc["training"].tolist() == [4, 4]
    assert latent.loc["extraction"].tolist() == [10, 10]  # 200 of 1,000 texts
    assert latent.loc["total"].tolist() == [8, 8]
    assert latent.loc["total_with_extraction"].tolist() == [18, 18]


def test_controls_generate_nothing():
    found = seconds()
    assert "generation" not in found["latent_repeat"].unstack().index
    assert found["latent_repeat", "total", 0] == 4
    assert found["latent_repeat", "total_with_extraction", 0] == 14
    assert found["textual_repeat", "total", 1] == 10 + 20 / 4
    assert "mean_difference" not in found.index.get_level_values("route")
    assert seconds(mean_difference=stage(2))["mean_difference", "total", 0] == 1


def test_no_more_is_extracted_than_there_is():
    assert seconds(embed_pairs=stage(50, {"texts": 150}))["latent", "extraction", 0] == 50


def test_drawing_that_was_not_timed_is_not_taken_for_none():
    with pytest.raises(LensError, match="how long it drew latents"):
        seconds(train_reward=stage(10))


def compared(**changed):
    long = seconds(**changed).rename("seconds").reset_index()
    rows = table_2.compared(long, {"textual": 8000, "latent": 500})
    return paper_comparison.verdicts("table_2", rows, comparable=False).set_index("what")


def test_the_papers_ratios_stand_beside_ours_and_are_compared_in_direction():
    table = compared()
    row = table.loc["textual / latent, generation time"]
    assert row["reported"] == pytest.approx(18)
    assert (row["ours"], row["low"], row["high"]) == pytest.approx((77 / 4, 62 / 4, 92 / 4))
    assert row["verdict"] == "agrees"
    assert "no test" in row["why"]
    included = table.loc["textual / latent, total time, extraction included"]
    assert included["ours"] == pytest.approx(97 / 18)
    assert included["reported"] == pytest.approx(13)
    assert table.loc["textual / latent, generator's parameters", "ours"] == 16
    seconds_ = table.loc["textual generation, s"]
    assert seconds_["reported"] == pytest.approx(3.6 * 3600)
    assert seconds_["verdict"] == "not comparable"
    assert "another machine" in seconds_["why"]
    assert table["p_value"].isna().all()  # nothing here was tested


def test_a_dearer_latent_route_would_differ_and_one_in_between_stay_open():
    what = "textual / latent, generation time"
    assert compared(train_vae=stage(600)).loc[what, "verdict"] == "differs"
    between = compared(train_vae=stage(150))  # 62 s < 76 s < 92 s
    assert between.loc[what, "verdict"] == "undecided"


def test_printed_rows_and_the_papers_values():
    long = seconds(linear_probe=stage(3)).rename("seconds").reset_index()
    table = table_2.summary(long, {"textual": 8000, "latent": 500}, 8, True)
    paper = table.set_index(["route", "quantity"])["reported"]
    assert paper["textual", "generator"] == 8e9
    assert paper["latent", "total"] == pytest.approx(1440)
    assert paper.drop(["textual", "latent"], level="route").isna().all()
    assert table_2.summary(long, {}, 8, False)["reported"].isna().all()
    rows = {row[0]: row[1:] for row in table_2.printed(table)}
    assert rows["Full fine-tuning 8x"][:2] == ["77.00 [62.00, 92.00]", "8,000"]
    assert rows["and training its annotator"][0] == "100.00"
    assert rows["Linear probe 1x"] == ["-", "-", "1.50", "1.50", "10.00", "11.50"]
    assert rows["textual / latent"][0] == "19.2 times"
    assert rows["textual / latent"][-1] == f"{97 / 18:.3g} times"
    assert "nan" not in table_2.page([("t", table_2.printed(table))]).markdown()


def test_parts_of_a_job_are_timed_and_add_up():
    cost.start()
    for _ in range(2):
        with cost.part("drawing"):
            pass
    with cost.part("other"):
        pass
    found = cost.measured(seconds={"own": 3.0})["seconds"]
    assert set(found) == {"drawing", "other", "own"}
    assert 0 < found["drawing"] < 1
    cost.start()
    assert cost.measured()["seconds"] == {}
