"""A score for each of two answers, such as `score_0` and `score_1`."""

from lens.core.errors import LensError
from lens.data.reading.sided.labels import Judged, Sides
from lens.data.reading.sided.words import ends_of, quoted, swapped
from lens.data.texts.cells import graded, in_words, is_number, number
from lens.data.texts.cures import either
from lens.data.texts.names import SCORED, STEMS, Names, canonical, words_of

# Words beside a score's own name that leave higher as the better.
OF_SCORES = STEMS | {"overall", "mean", "average", "avg", "total", "final", "model", "human"}
OF_SCORES |= {"preference"}
OF_SCORES |= {"judge", "annotator", "llm", "rm", "gpt", "correctness", "coherence", "accuracy"}
OF_SCORES |= {"relevance", "number", "num", "of", "up", "completions"}


TIED = ("votes_tied", "votes_tie", "tie_votes", "tied_votes", "votes_ties")  # votes for neither


def side_scores(names: Names, columns: tuple[str, str], where: str) -> Sides | None:
    """A score for each side, such as `score_0` and `score_1`; ranks are better when lower."""
    ends = ends_of(columns, names)
    score_columns, open_to_both = {}, False
    by_words = {words_of(key): name for key, name in names.known.items()}
    for name in [key for key, column in names.known.items() if column not in columns]:
        tokens = words_of(name)
        for at, token in enumerate(tokens):
            other = by_words.get(swapped(tokens, at, ends[1]))
            stem = {*swapped(tokens, at, "")}
            if (
                token == ends[0]
                and other
                and stem & SCORED
                and _are_grades(names, names.known[name], other)
            ):
                score_columns[names.known[name], other] = "rank" in stem and len(stem & SCORED) == 1
                open_to_both = open_to_both or bool(
                    {word for word in stem if word.isalpha()} - SCORED - OF_SCORES
                )
    if not score_columns:
        return None
    named = [pair for pair in score_columns if names.fixed >= {*map(canonical, pair)}]
    score_columns = {pair: score_columns[pair] for pair in named} or score_columns
    if len(score_columns) > 1:
        readings = {
            f"by `{a}` and `{b}`": {f"{kind}_{ends[0]}": a, f"{kind}_{ends[1]}": b}
            for (a, b), ranked in score_columns.items()
            for kind in ["rank" if ranked else "score"]
        }
        raise LensError(f"{where}: several scores may judge the answers. {either(where, readings)}")
    (judges, ranked), *_ = score_columns.items()
    if open_to_both:
        raise _unknown_direction(judges, ends, where)

    def judge(row: dict, where: str) -> Judged:
        values = graded([row.get(name) for name in judges], f"{where}: `{judges[0]}`")
        known = [value for value in values if value is not None]
        if len(known) < 2:
            return "", None
        gap = (known[1] - known[0]) if ranked else (known[0] - known[1])
        even = number(row.get(tied), f"{where}: `{tied}`") or 0 if votes and tied else 0
        strength = (max(known) + even / 2) / (sum(known) + even) if votes and gap else abs(gap)
        return (None if gap == 0 else 0 if gap > 0 else 1), strength

    cells, tied = [value for name in judges for value in names.values(name)], names.first(TIED)
    votes = "votes" in words_of(judges[0]) and all(map(is_number, cells))
    votes = votes and all((number(value, "") or 0) >= 0 for value in cells)
    better = "lower" if ranked else "higher"
    description = f"{quoted(judges)} say which is better, {better} is better{in_words(cells)}"
    if votes and tied:
        return Sides(*columns, (*judges, tied), judge, description, "share")
    return Sides(*columns, judges, judge, description, "share" if votes else None)


def _are_grades(names: Names, one: str, other: str) -> bool:
    """Whether two columns hold numbers, or words of one scale."""
    return names.is_numeric(other) or bool(in_words([*names.values(one), *names.values(other)]))


def _unknown_direction(judges: tuple[str, str], ends: list[str], where: str) -> LensError:
    a, b = judges
    readings = {
        f"{direction} is better": {f"{kind}_{ends[0]}": a, f"{kind}_{ends[1]}": b}
        for direction, kind in (("higher", "score"), ("lower", "rank"))
    }
    return LensError(
        f"{where}: `{a}` and `{b}` may judge the answers, with higher or with lower as the "
        f"better. {either(where, readings)}"
    )
