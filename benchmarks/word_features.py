"""Pairs with features of their words, in seconds: 150 components of TF-IDF, and the log of length.

    python benchmarks/word_features.py PAIRS FOLDER [first_turn]

The folder is one as `lens advise` leaves, for labels_study.py and suspects_check.py; the last word
says what may not stand on both sides of a split, the prompt by default.
"""

import sys

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from lens.advice.own_pairs import EmbeddedPairs
from lens.advice.preferences import read_pairs


def main(source: str, folder: str, group_by: str = "prompt") -> None:
    pairs = read_pairs(source, group_by=group_by)
    texts = [*pairs.table["chosen"], *pairs.table["rejected"]]
    counts = TfidfVectorizer(sublinear_tf=True, min_df=3).fit_transform(texts)
    components = TruncatedSVD(150, random_state=0, n_iter=3).fit_transform(counts)
    lengths = np.log1p([len(text) for text in texts])[:, None]
    chosen, rejected = np.split(np.hstack([components, lengths]).astype(np.float32), 2)
    report = pairs.report | {"asked": None}
    EmbeddedPairs(pairs.table, chosen, rejected, None, report).save(folder)
    print(f"{folder}: {pairs}")


if __name__ == "__main__":
    main(*sys.argv[1:])
