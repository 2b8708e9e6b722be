"""Commands that a warm server runs, beside those that begin in a process of their own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lens.warm import client, server
from tests.helpers.workflow_tools import snakemake

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a server that has imported nothing but what it needs itself."""
    folder = tmp_path_factory.mktemp("warm")
    code = "import sys; from lens.warm.server import serve; serve(sys.argv[1], int(sys.argv[2]))"
    environment = os.environ | client.ONE_THREAD
    own = subprocess.Popen([sys.executable, "-c", code, folder, str(os.getpid())], env=environment)
    until(lambda: (folder / "ready.json").exists())
    yield folder
    own.kill()
    own.wait()


def until(holds):
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def run(module, *arguments, folder, python=sys.executable, **options):
    """`python -m MODULE ARGUMENTS` by the server, or by itself where it is not taken."""
    code = (
        "import sys; from lens.warm.client import hand_over; hand_over(sys.argv[1], sys.argv[2:]);"
        " print('not taken')"
    )
    return subprocess.Popen(
        [python, "-c", code, folder, module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def module(tmp_path, code):
    (tmp_path / "command.py").write_text(code)
    return "command"


def test_a_command_has_its_folder_environment_streams_and_status(folder, tmp_path):
    name = module(
        tmp_path,
        "import os, sys\n"
        "print(os.getcwd(), os.environ['TERM_OF_TEST'], sys.argv[1:], sys.stdin.read())\n"
        "print('aside', file=sys.stderr)\n"
        "sys.exit(7)\n",
    )
    known = json.loads((folder / "ready.json").read_text())
    known["environment"]["TERM_OF_TEST"] = "here"
    (tmp_path / "ready.json").write_text(json.dumps(known))
    (tmp_path / "socket").symlink_to(folder / "socket")
    environment = os.environ | {"TERM_OF_TEST": "here"}
    own = run(name, "a", "b c", folder=tmp_path, cwd=tmp_path, env=environment)
    said, aside = own.communicate("given")
    assert said == f"{tmp_path} here ['a', 'b c'] given\n"
    assert aside == "aside\n"
    assert own.returncode == 7


def test_a_message_that_a_command_ends_with_is_an_error(folder, tmp_path):
    own = run(module(tmp_path, "raise SystemExit('too bad')"), folder=folder, cwd=tmp_path)
    assert own.communicate()[1] == "too bad\n"
    assert own.returncode == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_command_ends_with_its_client(folder, tmp_path, number):
    code = "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)"
    own = run(module(tmp_path, code), folder=folder, cwd=tmp_path)
    process = int(own.stdout.readline())
    own.send_signal(number)
    assert own.wait() == -number
    until(lambda: not Path(f"/proc/{process}").exists())


def test_a_command_that_is_killed_ends_its_client_so(folder, tmp_path):
    code = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    own = run(module(tmp_path, code), folder=folder, cwd=tmp_path)
    assert own.wait() == -signal.SIGKILL


@pytest.mark.parametrize(
    "changed", [{"HF_HUB_OFFLINE": "1"}, {"OMP_NUM_THREADS": "2"}, {"CUDA_VISIBLE_DEVICES": "1"}]
)
def test_a_command_of_another_environment_is_not_taken(folder, tmp_path, changed):
    name, environment = module(tmp_path, "print('taken')"), os.environ | changed
    own = run(name, folder=folder, cwd=tmp_path, env=environment)
    assert own.communicate()[0] == "not taken\n"


def test_an_environment_reached_by_a_link_is_the_same(folder, tmp_path):
    (tmp_path / "linked").symlink_to(sys.prefix)
    python = tmp_path / "linked/bin" / Path(sys.executable).name
    name = module(tmp_path, "print('taken')")
    own = run(name, folder=folder, cwd=tmp_path, python=python)
    assert own.communicate()[0] == "taken\n"


def test_nothing_is_taken_before_the_server_is_ready_or_after_it_is_gone(tmp_path):
    own = run("lens", folder=tmp_path)
    assert own.communicate()[0] == "not taken\n"
    about = {"python": os.path.realpath(sys.prefix), "environment": dict(os.environ)}
    (tmp_path / "ready.json").write_text(json.dumps(about))
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tmp_path / "socket"))
    own = run("lens", folder=tmp_path)
    assert own.communicate()[0] == "not taken\n"


def test_a_server_ends_with_its_owner_and_leaves_nothing(tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    owner = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    code = "import sys; from lens.warm.server import serve; serve(sys.argv[1], int(sys.argv[2]))"
    own = subprocess.Popen([sys.executable, "-c", code, folder, str(owner.pid)])
    until(lambda: (folder / "ready.json").exists())
    owner.kill()
    assert own.wait(timeout=30) == 0
    assert not folder.exists()
    owner.wait()


def test_no_server_starts_where_one_is_named_or_refused(monkeypatch):
    monkeypatch.setattr(server, "launch", lambda *given: pytest.fail("a server was started"))
    for given in ("", "/some/folder"):
        monkeypatch.setenv(server.VARIABLE, given)
        server.start()
        assert os.environ[server.VARIABLE] == given


@pytest.mark.parametrize("gpu", [False, True])
def test_a_server_starts_on_a_machine_without_gpus_alone(monkeypatch, gpu, tmp_path):
    launched = []
    monkeypatch.setattr(server, "launch", lambda *given: launched.append(given))
    monkeypatch.setattr(server, "GPUS", (str(tmp_path),) if gpu else ())
    monkeypatch.setattr(server.tempfile, "mkdtemp", lambda prefix: str(tmp_path))
    monkeypatch.delenv(server.VARIABLE)
    server.start()
    assert launched == ([] if gpu else [(str(tmp_path), os.getpid())])
    monkeypatch.setenv(server.VARIABLE, "")


def test_what_tests_run_is_taken(tmp_path):
    """A Snakemake that begins in a process of its own has imported no torch."""
    rules = tmp_path / "Snakefile"
    rules.write_text("import sys\nprint('torch' in sys.modules)\nrule all:\n    output: 'a'\n")
    planned = snakemake("-n", "--snakefile", rules, directory=tmp_path)
    assert planned.returncode == 0, planned.stderr
    assert planned.stdout.splitlines()[0] == "True"
