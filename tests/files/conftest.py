"""What the tests of shards share."""

import pandas as pd
import pytest

from lens.files import artifacts
from tests.helpers.sharded import (
    ROWS,
    StoppedError,
    prompt,
)


@pytest.fixture
def stop_at(monkeypatch):
    """Lets so many blocks be embedded, then stops; returns the sizes of those embedded."""
    from lens.language.encoder import Encoder

    embed_tokens = Encoder.embed_tokens

    def at(count):
        seen = []

        def counted(self, token_ids, *args, **kwargs):
            if len(seen) == count:
                raise StoppedError
            seen.append(len(token_ids))
            return embed_tokens(self, token_ids, *args, **kwargs)

        monkeypatch.setattr(Encoder, "embed_tokens", counted)
        return seen

    return at


@pytest.fixture
def pairs(tmp_path):
    artifacts.write_table(
        tmp_path / "pairs.parquet",
        pd.DataFrame(
            {
                "id": [f"row-{i}" for i in range(ROWS)],
                "prompt": [prompt(f"w{i} w{i + 1} w{i % 5}") for i in range(ROWS)],
                "chosen": [f"w{i} w3 w{i % 7}" for i in range(ROWS)],
                "rejected": [f"w{i} w4 w5" for i in range(ROWS)],
            }
        ),
    )
    return tmp_path / "pairs.parquet"
