"""The Hugging Face Hub: downloads, and messages that explain its errors."""

import json
import os
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lens.core.errors import LensError, out_of_memory

PAGE = "https://huggingface.co"
COMMIT = re.compile("[0-9a-f]{40}")
SPEC = re.compile(r"(?P<name>[\w-][\w.-]*/[\w.-]+)(@(?P<revision>.+))?")
# Weights, tokenizer and config, the files that `from_pretrained` reads.
MODEL_FILES = ["*.safetensors", "*.json", "*.jinja", "*.model", "*.tiktoken", "vocab.txt"]
MODEL_FILES += ["merges.txt"]
# Copies of the weights in other formats. (A sentence-transformers model's modules are in folders
# that begin with a digit, such as 2_Dense.)
NOT_READ = ("original/*", "consolidated*", "onnx/*", "openvino/*", "[!0-9]*/*.safetensors")


@dataclass(frozen=True)
class Wanted:
    """A "model" or "dataset" of the Hub at a revision; `code`: whether to run the model's code."""

    kind: str
    name: str
    revision: str = "main"
    code: bool = False


def parse(spec: str, kind: str, *, code: bool = False) -> Wanted:
    """Reads `ORGANISATION/NAME` or `ORGANISATION/NAME@REVISION`; LensError if it is neither."""
    match = SPEC.fullmatch(spec)
    if not match:
        raise LensError(f"{spec!r} is not a Hub id. Write ORGANISATION/NAME@REVISION.")
    return Wanted(kind, match["name"], match["revision"] or "main", code)


def download(wanted: Wanted) -> dict:
    """Downloads a model or dataset into the cache (HF_HOME). Cached files are not downloaded again;
    interrupted downloads resume. Returns kind, id, revision, commit, bytes and folder.

    Raises LensError if the Hub refuses or a model has no safetensors.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.utils import filter_repo_objects

    patterns = _patterns(wanted)
    with reading(wanted.name, wanted.revision, wanted.kind):
        if not COMMIT.fullmatch(wanted.revision):  # without a network an old copy would be taken
            HfApi().repo_info(wanted.name, repo_type=wanted.kind, revision=wanted.revision)
        folder = snapshot_download(
            wanted.name,
            repo_type=wanted.kind,
            revision=wanted.revision,
            **patterns,
        )
    folder = Path(folder)
    if wanted.kind == "model":
        _check_model(folder, wanted)
    files = {f.relative_to(folder).as_posix(): f for f in folder.rglob("*") if f.is_file()}
    return {
        "kind": wanted.kind,
        "id": wanted.name,
        "revision": wanted.revision,
        "commit": folder.name,
        "bytes": sum(files[n].stat().st_size for n in filter_repo_objects(files, **patterns)),
        "folder": str(folder),
    }


def dataset_folder(name: str, revision: str | None) -> str:
    """The folder of a dataset's files at exactly this revision, from the cache or the Hub (offline,
    the library `datasets` would take any cached revision). A local folder is returned as it is.
    Raises LensError."""
    from huggingface_hub import snapshot_download

    if Path(name).is_dir():
        return name
    with reading(name, revision, "dataset"):
        return snapshot_download(name, repo_type="dataset", revision=revision)


def cached_folder(path: str, revision: str | None, code: bool) -> str:
    """A local folder as it is; offline, the folder to which `download` saved a Hub model; otherwise
    the model's id. For engines that would search the cache for files that `download` skips. Raises
    LensError."""
    from huggingface_hub import constants, snapshot_download

    if Path(path).is_dir() or not constants.is_offline_mode():
        return path
    wanted = Wanted("model", path, revision or "main", code)
    with reading(path, revision):
        folder = snapshot_download(path, revision=revision, **_patterns(wanted))
    _check_model(Path(folder), wanted)
    return folder


def known_absent(name: str, revision: str | None, file: str) -> bool:
    """Whether the cache shows that a Hub model has no such file (a file that was not downloaded may
    still exist)."""
    from huggingface_hub import _CACHED_NO_EXIST, get_cached_repo_tree, try_to_load_from_cache
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    if try_to_load_from_cache(name, file, revision=revision) is _CACHED_NO_EXIST:
        return True
    try:
        tree = get_cached_repo_tree(name, revision=revision)
    except CachedRepoTreeNotFoundError:
        return False
    return file not in {entry.path for entry in tree}


@contextmanager
def reading(name: str, revision: str | None = None, kind: str = "model") -> Iterator[None]:
    """Turns any error of a library that reads a folder or the Hub into a LensError, except
    out-of-memory errors: damaged or wrong files make libraries fail in many ways."""
    try:
        yield
    except LensError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise
        raise LensError(explain(error, name, revision, kind)) from error


def model_json(model: str, revision: str | None, name: str) -> Any:
    """A JSON file of a model's folder or Hub repository, or None if the model has no such file.
    Raises LensError if it is not JSON, or if there is no network to find out."""
    from transformers.utils import cached_file

    if Path(model).is_file():
        return None
    with reading(model, revision):
        path = cached_file(
            model, name, revision=revision, _raise_exceptions_for_missing_entries=False
        )
        if path:
            return json.loads(Path(path).read_text(encoding="utf-8"))
    if not (Path(model).is_dir() or known_absent(model, revision, name)):
        raise LensError(explain(FileNotFoundError(f"no {name}"), model, revision))
    return None


def explain(error: Exception, name: str, revision: str | None, kind: str = "model") -> str:
    """What went wrong with a model or dataset, and what to do. Never shows a token."""
    from huggingface_hub import constants, errors

    what = f"{kind} {name} (revision {revision or 'main'})"
    page = f"{PAGE}/{name}" if kind == "model" else f"{PAGE}/datasets/{name}"
    causes = {kind: e for e in reversed(list(_causes(error))) for kind in type(e).__mro__}
    if "trust_remote_code" in str(error):
        return (
            f"{what} contains its own code, which runs only if you allow it. Read that code; if "
            "you trust it, pin the revision and set `trust_remote_code: true` (in the config) or "
            "--trust-remote-code (on the command line)."
        )
    text = textwrap.shorten(str(error) or type(error).__name__, 500)
    if Path(name).exists():
        return f"{kind} {name} cannot be loaded: {text}"
    if errors.GatedRepoError in causes:
        return (
            f"{what} is gated. Accept its licence at {page} and set the environment variable "
            f"HF_TOKEN to a token of the same account ({_token_state()})."
        )
    if errors.RevisionNotFoundError in causes:
        return f"{what}: the Hub has no such revision. Choose one of {page}/commits/main."
    if errors.RepositoryNotFoundError in causes:
        return (
            f"{what}: the Hub shows no such {kind}. Check the name at {page}; if it is private or "
            "gated, accept its licence there and set the environment variable HF_TOKEN to a token "
            f"that may read it ({_token_state()})."
        )
    refused: Any = causes.get(errors.HfHubHTTPError)
    if refused and refused.response.status_code in (401, 403):
        return (
            f"{what}: the Hub refuses (HTTP {refused.response.status_code}). Check at {page} that "
            f"you may read it, and the environment variable HF_TOKEN ({_token_state()})."
        )
    advice = (
        "On a machine with a network and the same HF_HOME run `snakemake prefetch "
        f"--configfile ...` or `lens prefetch --{kind}s {name}@{revision or 'main'}`; or give the "
        f"path of a {'folder' if kind == 'model' else 'local file'}."
    )
    if constants.is_offline_mode():
        first = next(filter(None, str(error).splitlines()), type(error).__name__)
        return (
            f"{what} is not in the cache {constants.HF_HUB_CACHE}, and HF_HUB_OFFLINE allows no "
            f"download ({first}). {advice}"
        )
    if errors.LocalEntryNotFoundError in causes or (
        isinstance(error, errors.HTTPError) and not isinstance(error, errors.HfHubHTTPError)
    ):
        return f"{what}: the Hub cannot be reached ({error}). {advice}"
    return f"{what} cannot be loaded: {text}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and its causes; the Hub's refusals are often wrapped more than once."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _token_state() -> str:
    from huggingface_hub import get_token

    if os.environ.get("HF_TOKEN"):
        return "it is set, but that token has no access"
    return "not set; a saved login has no access either" if get_token() else "it is not set"


def _patterns(request: Wanted) -> dict[str, list[str]]:
    """Which files to download, as arguments of `snapshot_download`."""
    if request.kind == "dataset":
        return {}
    code = ["*.py"] if request.code else []
    return {"allow_patterns": [*MODEL_FILES, *code], "ignore_patterns": list(NOT_READ)}


def _check_model(folder: Path, request: Wanted) -> None:
    """LensError unless the folder has the config and all weights."""
    weights = [file.name for file in folder.glob("*.safetensors")]
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        needed = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    else:
        needed = set() if weights else {"*.safetensors"}
    missing = sorted(needed - set(weights))
    if not (folder / "config.json").is_file():
        missing.insert(0, "config.json")
    if missing:
        raise LensError(
            f"model {request.name} (revision {request.revision}): {', '.join(missing)} missing at "
            f"{PAGE}/{request.name} or in {folder}. LENS reads only safetensors; choose a revision "
            "or a model that has them."
        )
