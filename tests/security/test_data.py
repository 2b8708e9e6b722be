"""Data of strangers: files and datasets that hold pickles, code, or paths to what is not theirs."""

import io
import json
import shutil
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants

from lens.core.errors import LensError
from lens.data.sources import read_source
from lens.files import artifacts, hub_datasets
from lens.files.hub import download, parse
from tests.helpers.fake_hub import Hub, entry
from tests.helpers.planted import Mark
from tests.helpers.word_pairs import some_rows

ROW = {"prompt": "w1", "chosen": "w2", "rejected": "w3"}
CARD = "---\nconfigs:\n- config_name: default\n  {}\n---\n"
FORMS = (
    "data_files: {}",
    "data_files: [train.jsonl, {}]",
    "data_dir: {}",
    "data_files: [{{split: train, path: {}}}]",
)
ELSEWHERE = (
    "../secret.jsonl",
    "{folder}/secret.jsonl",
    "~/secret.jsonl",
    "https://127.0.0.1:9/x",
    "sub/../../secret.jsonl",
)
NO_IDS = (
    "../x",
    "a/../b",
    "/etc/passwd",
    "a",
    "",
    "a/b/c",
    "a b/c",
    "$(touch x)/y",
    "a/b\n",
    "-a/b@",
    "a/..",
    "a/b@../../x",
)


@pytest.fixture
def mark(tmp_path):
    return Mark(tmp_path / "it ran")


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    """A folder of a dataset with one row; what the library makes of it is kept in tmp_path."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/train.jsonl").write_text(json.dumps(ROW) + "\n")
    return tmp_path / "data"


def npy_of_objects(mark):
    """As numpy.save writes an array of objects: a header and a pickle."""
    file = io.BytesIO()
    np.save(file, np.array([mark], dtype=object), allow_pickle=True)
    return file.getvalue()


def test_the_planted_array_bites(mark, tmp_path):
    (tmp_path / "a.npy").write_bytes(npy_of_objects(mark))
    np.load(tmp_path / "a.npy", allow_pickle=True)
    assert mark.made


@pytest.mark.parametrize(
    "suffix",
    [
        ".pkl",
        ".pickle",
        ".pt",
        ".bin",
        ".joblib",
        ".npy",
        ".arrow",
        ".csv",
        ".tsv",
        ".json",
        ".jsonl",
        ".jsonl.gz",
        ".parquet",
    ],
)
def test_no_suffix_makes_data_of_a_pickle(suffix, mark, tmp_path):
    (tmp_path / f"data{suffix}").write_bytes(mark.pickled())
    with pytest.raises(LensError):
        read_source(str(tmp_path / f"data{suffix}"))
    assert not mark.made


def test_an_array_of_objects_is_refused(mark, fail, tmp_path):
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("".join(json.dumps(row) + "\n" for row in some_rows(40)))
    as_zip = io.BytesIO()
    np.savez(as_zip, a=np.array([mark], dtype=object))
    for content in (npy_of_objects(mark), mark.pickled(), as_zip.getvalue()):
        (tmp_path / "e.npy").write_bytes(content)
        message = fail("advise", pairs, "--embeddings", tmp_path / "e.npy", "--out", tmp_path / "o")
        assert "e.npy" in message
    assert not mark.made


def test_a_pickle_inside_a_parquet_stays_shut(mark, tmp_path):
    """Arrow once had extension types that were pickled in the schema."""
    kind = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": mark.pickled(),
    }
    fields = [pa.field(name, pa.string(), metadata=kind) for name in ROW]
    table = pa.table([pa.array([text]) for text in ROW.values()], schema=pa.schema(fields))
    pq.write_table(table, tmp_path / "data.parquet")
    [(_, row)] = read_source(str(tmp_path / "data.parquet"))
    assert row == ROW
    assert artifacts.read_table(tmp_path / "data.parquet").to_dict("records") == [ROW]
    assert not mark.made


@pytest.mark.slow
def test_a_dataset_s_own_code_is_not_run(dataset, mark):
    assert len(read_source(str(dataset))) == 1
    (dataset / f"{dataset.name}.py").write_text(mark.code())
    with pytest.raises(LensError, match="scripts are no longer supported"):
        read_source(str(dataset))
    assert not mark.made


def test_pickles_in_a_dataset_are_refused(dataset, mark, monkeypatch):
    (dataset / "train.jsonl").unlink()
    (dataset / "train.pkl").write_bytes(mark.pickled())
    (dataset / "README.md").write_text(CARD.format("data_files: '*.pkl'"))
    with pytest.raises(LensError):
        read_source(str(dataset))
    moved = dataset.rename(dataset.with_name("pandas"))  # the name of a builder that unpickled
    monkeypatch.chdir(moved.parent)
    with pytest.raises(LensError):
        read_source("pandas")
    assert not mark.made


def archive(file, name, content):
    with tarfile.open(file, "w") as archive:
        about = tarfile.TarInfo(name)
        about.size = len(content)
        archive.addfile(about, io.BytesIO(content))


def test_pickles_in_an_archive_of_a_dataset_are_not_loaded(dataset, mark):
    (dataset / "train.jsonl").unlink()
    for name, content in (("a.npy", npy_of_objects(mark)), ("a.pth", mark.pickled())):
        archive(dataset / "train.tar", name, content)
        with pytest.raises(LensError):
            read_source(str(dataset))
    archive(dataset / "train.tar", "a.pickle", mark.pickled())
    [(_, row)] = read_source(str(dataset))
    assert row["pickle"] == mark.pickled()
    assert not mark.made


@pytest.mark.parametrize("name", ["../../../escaped.jsonl", "{folder}/escaped.jsonl"])
def test_an_archive_writes_nothing_outside_of_the_cache(name, dataset, tmp_path):
    (dataset / "train.jsonl").unlink()
    archive(dataset / "train.tar", name.format(folder=tmp_path), json.dumps(ROW).encode())
    read_source(str(dataset))
    assert not list(tmp_path.rglob("escaped*"))


def planted_card(dataset, file, content):
    """The same metadata in either of the files that the library reads."""
    text = CARD.format(content)
    (dataset / file).write_text(text if file == "README.md" else text.split("---")[1])


@pytest.mark.parametrize("file", hub_datasets.CARDS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path", ELSEWHERE)
def test_a_dataset_names_its_own_files_alone(path, form, file, dataset, tmp_path):
    (tmp_path / "secret.jsonl").write_text(json.dumps(ROW) + "\n")
    planted_card(dataset, file, form.format(json.dumps(path.format(folder=tmp_path))))
    with pytest.raises(LensError, match="it names the data file"):
        read_source(str(dataset))


@pytest.mark.parametrize("path", ["secret.jsonl", "../secret.jsonl"])
def test_a_file_from_elsewhere_is_refused_wherever_it_was_named(
    path, dataset, tmp_path, monkeypatch
):
    """As if the library read names from one more place; the other is a link in the folder."""
    (tmp_path / "secret.jsonl").write_text(json.dumps(ROW) + "\n")
    (dataset / "secret.jsonl").symlink_to("../secret.jsonl")
    monkeypatch.setattr(hub_datasets, "CARDS", ())
    planted_card(dataset, ".huggingface.yaml", f"data_files: {path}")
    with pytest.raises(LensError, match=r"it names the data file .*secret"):
        read_source(str(dataset))


@pytest.mark.parametrize("file", hub_datasets.CARDS)
def test_a_dataset_may_name_its_own_files(file, dataset):
    planted_card(dataset, file, "data_files: [{split: train, path: '*.jsonl'}]")
    assert [row for _, row in read_source(str(dataset))] == [ROW]
    planted_card(dataset, file, "[")
    with pytest.raises(LensError, match="its metadata cannot be read"):
        read_source(str(dataset))


@pytest.mark.parametrize("file", hub_datasets.CARDS)
def test_a_text_that_is_no_path_may_look_like_one(file, dataset):
    (dataset / "train.jsonl").unlink()
    (dataset / "a.csv").write_text("prompt/chosen/rejected\nw1/w2/w3\n")
    texts = "description: 'see https://127.0.0.1:9/x and ~/notes, ../more'"
    planted_card(dataset, file, f"data_files: a.csv\n  sep: /\n  {texts}")
    assert [row for _, row in read_source(str(dataset))] == [ROW]


@pytest.mark.parametrize("at", ["", "@main", "@{commit}"])
def test_a_dataset_may_name_its_own_files_as_on_the_hub(at, dataset, tmp_path, monkeypatch):
    """They are read from the snapshot that was asked for, a folder of links, with no network."""
    at, (snapshot, blob) = at.format(commit="1" * 40), placed(tmp_path, dataset)
    planted_card(snapshot, "README.md", f"data_files: 'hf://datasets/org/data{at}/*.jsonl'")
    monkeypatch.setattr("lens.files.hub.dataset_folder", lambda *_: str(snapshot))
    assert (snapshot / "train.jsonl").resolve() == blob
    assert [row for _, row in read_source("org/data")] == [ROW]


@pytest.mark.parametrize("where", ["org/data@2", "org/data2", "org/other", "org/data/.."])
def test_a_dataset_names_no_other_s_files_on_the_hub(where, dataset, tmp_path, monkeypatch):
    snapshot, _ = placed(tmp_path, dataset)
    planted_card(snapshot, "README.md", f"data_files: 'hf://datasets/{where}/*.jsonl'")
    monkeypatch.setattr("lens.files.hub.dataset_folder", lambda *_: str(snapshot))
    with pytest.raises(LensError, match="it names the data file"):
        read_source("org/data")


def placed(tmp_path, dataset):
    """(the snapshot, its one file of data) of a dataset in a cache like the Hub's."""
    home = tmp_path / "hub/datasets--org--data"
    snapshot, blob = home / "snapshots" / ("1" * 40), home / "blobs/b"
    snapshot.mkdir(parents=True)
    blob.parent.mkdir()
    (dataset / "train.jsonl").rename(blob)
    (snapshot / "train.jsonl").symlink_to("../../blobs/b")
    return snapshot, blob


@pytest.mark.parametrize("name", ["../../../escaped", "/escaped", "a/../../../escaped"])
def test_a_listing_of_the_hub_cannot_leave_the_cache(name, monkeypatch, tmp_path, llama_folder):
    """The Hub names the files of a model; one that would lie elsewhere is refused."""
    folder, cache = tmp_path / "model", tmp_path / "home/cache"
    shutil.copytree(llama_folder, folder)
    hub = Hub()
    hub.add("org/model", folder)
    found = f"{name}.json" if name[0] != "/" else f"{tmp_path}{name}.json"

    def listed(root, file):
        return entry(root, file) | ({"path": found} if file.name == "config.json" else {})

    monkeypatch.setattr("tests.helpers.fake_hub.entry", listed)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    with hub.serving() as address:
        template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        with pytest.raises(LensError, match="Invalid filename"):
            download(parse("org/model", "model"))
    assert not list(tmp_path.rglob("escaped*"))
    there = [path for path in tmp_path.rglob("*") if not path.is_relative_to(folder)]
    assert {path for path in there if not path.is_relative_to(cache)} == {tmp_path / "home"}


@pytest.mark.parametrize("spec", NO_IDS)
def test_what_is_no_hub_id_is_refused(spec, fail, monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    for kind in ("--models", "--datasets"):
        fail("prefetch", f"{kind}={spec}")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_nothing_that_a_run_writes_is_a_pickle(small_world, mark, tmp_path):
    def is_pickle(path):
        content = path.read_bytes()
        inside = zipfile.ZipFile(path).namelist() if zipfile.is_zipfile(path) else []
        plain = content[:1] == b"\x80" and content[1] < 6 and content[-1:] == b"."
        return plain or any(name.endswith(".pkl") for name in inside)

    (tmp_path / "plain").write_bytes(mark.pickled())
    mark.saved_by_torch(tmp_path / "zipped")
    assert all(map(is_pickle, tmp_path.iterdir()))
    files = [path for path in small_world.rglob("*") if path.is_file()]
    assert len(files) > 100
    assert not list(filter(is_pickle, files))
