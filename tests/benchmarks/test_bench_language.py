"""`make bench` on language models: token bounds, refused results, rows that are not measured."""

from types import SimpleNamespace

import bench_language
import numpy as np
import pytest
from bench_language import bound, language, race

from lens.language.packed.reading import distinct_tokens

MODEL = SimpleNamespace(device="cpu")


def answers(prompt, count, size):
    """The token ids of a prompt with so many answers, which differ from their first token on."""
    return [[*range(1, prompt + 1), *[100 + i] * size] for i in range(count)]


@pytest.mark.parametrize(("prompt", "count", "size"), [(175, 16, 64), (7, 3, 1), (1, 5, 9)])
@pytest.mark.parametrize("batch", [1, 4, 16])
def test_the_bound_of_answers_to_one_prompt(prompt, count, size, batch):
    ids = answers(prompt, count, size)
    expected = count * (prompt + size) / (prompt + count * size)
    assert bound(list(map(len, ids)), batch, distinct_tokens(ids)) == pytest.approx(expected)


def test_padding_counts_and_sorting_saves_it():
    lengths = [1, 9, 1, 9]
    assert bound(lengths, 2, sum(lengths)) == 4 * 9 / 20
    assert bound(sorted(lengths), 2, sum(lengths)) == 1


def total(model, ids, mask):
    """A "model" whose result is the sum of a text's tokens."""
    return (ids * mask).sum(1).float()


@pytest.mark.parametrize(("off", "refused"), [(0.5e-4, False), (2e-4, True)])
def test_a_race_with_other_results_stops(off, refused):
    ids, rows = answers(4, 6, 2), []

    def ours(part):
        sums = np.array([sum(text) for text in part], np.float32)
        return sums + off * sums.max()

    if refused:
        with pytest.raises(SystemExit, match="tokens: the results are not the same"):
            race(rows, 1, "tokens", ids, 4, ours, MODEL, total)
        return
    race(rows, 1, "tokens", ids, 4, ours, MODEL, total)
    least = 6 * 6 / (4 + 6 * 2)
    assert [row["token_bound"] for row in rows] == [round(least, 2)] * 2
    assert [row["goal"] for row in rows] == [round(1.2 * least, 2), round(1.1 * least, 2)]


def test_rows_without_weights_are_listed_with_the_remedy(tmp_path, capsys):
    rows = []
    language(rows, 1, "cpu", SimpleNamespace(weights=str(tmp_path), data="."))
    assert {row["name"] for row in rows} >= {bench_language.HH, bench_language.SHARE}
    assert all(row["ratio"] is None and row["met"] is None for row in rows)
    remedy = f"sh benchmarks/real_weights.sh {tmp_path}"
    assert all(remedy in row["why"] for row in rows)
    assert capsys.readouterr().out.count(remedy) == len(rows)
