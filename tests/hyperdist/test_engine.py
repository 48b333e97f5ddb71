"""Tasks in this process, on two and on a cluster: the same results, whatever is killed meanwhile."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread, Timer
from typing import Any

import pytest

from hyperdist.runs import engine, lock, places
from hyperdist.runs.engine import Cache, Task
from hyperdist.runs.places import Place, add_options

WORK = "tests.support.work"


def tasks(n: int) -> list[Task]:
    return [Task("draws", f"draws {seed}", f"{WORK}:draws", (seed,)) for seed in range(n)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a scheduler with two processes of one thread."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit="1GiB"
    ) as made:
        yield made.scheduler_address


def test_two_processes_do_what_one_does_whatever_is_killed(tmp_path: Path) -> None:
    """A task whose process is killed is done again; one that is killed every time is told, and hides no other."""
    wanted = engine.run(tasks(6), Place())["draws"]
    lost = [Task("lost", f"lost {times}", f"{WORK}:killed", (times, str(tmp_path), times)) for times in (1, 9)]
    more = [Task("broken", "broken", f"{WORK}:broken", ()), Task("command", "command", f"{WORK}:provenance", ())]
    found = engine.run([*tasks(3), *lost, *more, *tasks(6)[3:]], Place(workers=2))
    assert found["draws"] == wanted
    assert {name: found["lost"][0][name] for name in ("mean", "log_prob")} == {
        name: wanted[1][name] for name in ("mean", "log_prob")
    }
    assert found["lost"][1]["error"].startswith("lost 9: its process has ended without a word 3 times")
    assert "ZeroDivisionError" in found["broken"][0]["error"]
    assert found["command"][0]["pid"] != os.getpid()
    assert found["command"][0]["command"] == engine.call(more[1])["command"]


@pytest.mark.skipif(sys.platform == "win32", reason="its pids are no children to look for")
def test_no_process_outlives_the_run_that_is_killed(tmp_path: Path) -> None:
    code = (
        "from tests.hyperdist.test_engine import *\nif __name__ == '__main__':\n"
        f" one = [Task('slow', str(i), f'{{WORK}}:slow', (i, {str(tmp_path)!r}, 60.0)) for i in range(2)]\n"
        " engine.run(one, Place(workers=2))"
    )
    (tmp_path / "run.py").write_text(code)
    run = subprocess.Popen([sys.executable, tmp_path / "run.py"], env={**os.environ, "PYTHONPATH": os.getcwd()})
    end = time.monotonic() + 40.0
    while len(begun := [*tmp_path.glob("?-*")]) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    run.kill()
    run.wait()
    pids = {int(path.name.partition("-")[2]) for path in begun}
    assert len(pids) == 2
    while (left := {pid for pid in pids if runs(pid)}) and time.monotonic() < end:
        time.sleep(0.05)
    assert not left


def runs(pid: int) -> bool:
    """Whether there is a process of this number, that is not only waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def test_what_begins_with_a_result_waits_for_it(tmp_path: Path) -> None:
    made = [
        Task("after", "a", f"{WORK}:after", (str(tmp_path), "a", "b"), ("b",)),
        Task("after", "b", f"{WORK}:after", (str(tmp_path), "b", "")),
        Task("after", "c", f"{WORK}:after", (str(tmp_path), "c", "a"), ("a", "not in this run")),
    ]
    found = dict(engine.finished(made, Place(workers=2)))
    assert all(result["found"] and result["threads"] == ["1"] for result in found.values())
    assert [Place(shard=(i, 2)).mine(made) for i in (1, 2)] == [made, []]
    shares = [Place(shard=(i, 3)).mine(tasks(7)) for i in (1, 2, 3)]
    assert [len(share) for share in shares] == [3, 2, 2]
    assert sorted(task.key for share in shares for task in share) == [task.key for task in tasks(7)]


def test_a_cluster_loses_a_worker_and_then_its_client(cluster: str, tmp_path: Path) -> None:
    """Bit for bit what this process finds, and what was finished is not done again."""
    from distributed import Client

    slow = [Task("draws", f"draws {seed}", f"{WORK}:slow", (seed, str(tmp_path), 0.15)) for seed in range(12)]
    wanted = [engine.execute(task) for task in tasks(12)]
    place, cache = Place(scheduler=cluster), Cache(tmp_path / "cache", True, "sources")
    with Client(cluster, set_as_default=False) as client:
        pids = client.run(os.getpid)
        some = engine.finished(slow, place)
        first, killed = [next(some) for _ in range(2)], next(iter(pids.values()))
        os.kill(killed, getattr(signal, "SIGKILL", signal.SIGTERM))  # on Windows the same
        first += [next(some) for _ in range(4)]
        some.close()  # type: ignore[attr-defined]
    for task, result in first:
        cache.store(task, result)
    begun = {path.name for path in tmp_path.glob("*-*")}
    assert engine.run(slow, place, cache)["draws"] == wanted
    again = {path.name.partition("-")[0] for path in tmp_path.glob("*-*") if path.name not in begun}
    assert not again & {str(task.arguments[0]) for task, _ in first}
    assert json.loads(next((tmp_path / "cache").glob("*.json")).read_text()) in wanted


@pytest.mark.parametrize("address", ["nowhere", "foo://here:8786", "tcp://here:x", "inproc://here"])
def test_what_is_no_address_is_refused_at_once(address: str) -> None:
    """And the process ends, which a client that was begun keeps from it."""
    pytest.importorskip("distributed")
    code = f"from hyperdist.runs.places import Place\nwith Place(scheduler={address!r}).pool(1): pass"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=20)
    assert f"OSError: --scheduler must be the address of a Dask scheduler, got {address!r}: " in run.stderr


@pytest.mark.parametrize("answer", [None, b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.0 400 Bad Request\r\n\r\n", bytes(100)])
def test_what_is_no_scheduler_is_refused(answer: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it says, or nothing at all, for which a client would wait for ever."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(places, "_WAIT", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        accepted = list[socket.socket]()

        def serve() -> None:
            with suppress(OSError):  # closed below
                while True:
                    accepted.append(server.accept()[0])
                    if answer:
                        accepted[-1].sendall(answer)

        Thread(target=serve, daemon=True).start()
        with pytest.raises(OSError, match=f"--scheduler must be the address of a Dask scheduler, got {address!r}: ."):
            next(engine.finished(tasks(2), Place(scheduler=address)))
        assert accepted
        for connection in accepted:
            connection.close()


def test_a_cluster_that_cannot_serve_is_refused() -> None:
    distributed = pytest.importorskip("distributed")
    with pytest.raises(OSError, match="--scheduler must be the address of a Dask scheduler, got 'nowhere'"):
        next(engine.finished(tasks(2), Place(scheduler="nowhere")))
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0") as made,
        pytest.raises(ValueError, match="must have one thread each, got 2 at inproc"),
    ):
        next(engine.finished(tasks(2), Place(scheduler=made.scheduler_address)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers", "-1"], "must be an integer >= 0, got '-1'"),
        (["--shard", "0/2"], "must be i/n with 1 <= i <= n, such as 1/4, got '0/2'"),
        (["--shard", "3/2"], "must be i/n with 1 <= i <= n"),
        (["--shard", "2"], "must be i/n with 1 <= i <= n"),
    ],
)
def test_options_out_of_range(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = ArgumentParser()
    add_options(parser, 0, shard=True)
    with pytest.raises(SystemExit):
        parser.parse_args(arguments)
    assert message in capsys.readouterr().err
    assert Place.of(parser.parse_args(["--shard", "2/3"])) == Place(0, "", (2, 3))


HOLD = """
import sys, time; from pathlib import Path; from hyperdist.runs import lock
with lock.alone(Path(sys.argv[1]), "--out", eval(sys.argv[2])):
    print("held", flush=True); time.sleep(60)
"""


def holder(folder: Path, shard: tuple[int, int]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLD, str(folder), repr(shard)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_one_run_a_folder(tmp_path: Path) -> None:
    """The error names the other process; a killed one holds nothing; shards of one number run beside each other."""
    folder = tmp_path / "a" / "b"
    with lock.alone(folder, "--out b"):
        assert [path.name for path in folder.iterdir()] == [".lock"]
    assert list(tmp_path.iterdir()) == []
    process = holder(folder, (1, 1))
    try:
        named = rf"--out b is in use by another run: wait for it, or give another folder \(process {process.pid} on "
        for shard in ((1, 1), (1, 2)):
            with pytest.raises(lock.Busy, match=named), lock.alone(folder, "--out b", shard):
                pass
    finally:
        process.kill()
        process.communicate()
    with lock.alone(folder, "--out b"):
        pass
    process = holder(folder, (1, 2))
    try:
        with lock.alone(folder, "--out b", (2, 2)):
            assert {path.name for path in folder.iterdir()} == {".lock", ".lock-1-of-2", ".lock-2-of-2"}
        for shard in ((1, 1), (1, 2), (1, 3)):
            with pytest.raises(lock.Busy, match=f"process {process.pid} on"), lock.alone(folder, "--out b", shard):
                pass
    finally:
        process.kill()
        process.communicate()
    with lock.alone(folder, "--out b", (1, 3)):
        pass
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_file_where_the_folder_must_be(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("mine")
    refused = pytest.raises(NotADirectoryError, match=r"a file is where a folder must be: '.*b'")
    with refused, lock.alone(tmp_path / "b", "--out b"):
        pass
    assert (tmp_path / "b").read_text() == "mine"


def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    process = holder(tmp_path, (1, 1))
    started = time.monotonic()
    Timer(0.3, process.kill).start()
    with lock.held(tmp_path / ".lock", "it", wait=True):
        assert time.monotonic() - started > 0.2
    process.communicate()
    assert list(tmp_path.iterdir()) == []


def test_results_are_kept_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt loses the task that was being done."""
    cache, done = Cache(tmp_path, True, "sources"), []
    execute = engine.execute

    def interrupted(task: Task) -> dict[str, Any]:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(task.key)
        return execute(task)

    monkeypatch.setattr(engine, "execute", interrupted)
    with pytest.raises(KeyboardInterrupt):
        engine.run(tasks(4), Place(), cache)
    assert [cache.load(task) is not None for task in tasks(4)] == [True, True, False, False]


@pytest.mark.parametrize("text", ["", '{"key": "dra', "{}", "[]", "3", "null", "\xff"])
def test_what_holds_no_result_is_computed_again(text: str, tmp_path: Path) -> None:
    cache, (task,) = Cache(tmp_path, True, "sources"), tasks(1)
    wanted = engine.run([task], Place(), cache)
    (path,) = tmp_path.iterdir()
    path.write_bytes(text.encode("latin-1"))
    assert cache.load(task) is None
    assert engine.run([task], Place(), cache) == wanted


def test_what_is_kept_comes_back_as_it_was(tmp_path: Path) -> None:
    """A law that is wrong gives infinities and NaN, which are numbers for whoever judges them."""
    cache, (task,) = Cache(tmp_path, True, "sources"), tasks(1)
    values = [float("nan"), float("inf"), -float("inf"), 0.1, -0.0, 5e-324]
    cache.store(task, {"key": task.key, "values": values})
    found = cache.load(task)
    assert found is not None
    assert [value.hex() for value in found["values"]] == [value.hex() for value in values]
