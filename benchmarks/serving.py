"""A model over HTTP: one client after its own answers, and 32 at once, a row a request."""

from __future__ import annotations

import asyncio
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import autotrack
from benchmarks.clock import timed
from benchmarks.timing import Samples
from benchmarks.workload import frame, pipeline

CLIENTS = 32
_PATIENCE = 60.0


def serving(quick: bool) -> Samples:
    """`autotrack serve`, asked for one row at a time."""
    folder, row = _crate()
    body = row.to_json(orient="records")
    command = [sys.executable, "-m", "autotrack", "serve", str(folder), "--port", "0"]
    with _running(command, subprocess.PIPE) as process:
        assert process.stdout is not None
        while (found := re.search(r":(\d+)/predict", process.stdout.readline())) is None:
            assert process.poll() is None, "the server did not start"
        samples = _measured(int(found[1]), "/predict", body, quick)
    model = autotrack.load_model(folder).estimator
    return samples | {"bare_frame": [timed(lambda: model.predict(row), 50) for _ in range(20)]}


def mlflow_serving(quick: bool) -> Samples:
    """`mlflow models serve` of the same crate."""
    folder, row = _crate()
    body = f'{{"dataframe_split": {row.to_json(orient="split", index=False)}}}'
    _be_mlflow_model(folder)
    port = 18473
    arguments = ["-m", str(folder), "--env-manager", "local", "--port", str(port)]
    # It writes a line a request.
    with _running(
        [sys.executable, "-m", "mlflow", "models", "serve", *arguments], subprocess.DEVNULL
    ):
        _wait_for(port)
        return _measured(port, "/invocations", body, quick)


def _crate():  # type: ignore[no-untyped-def]
    """The crate of the model all groups use, in a folder; and a row of its data."""
    X, y = frame()
    with autotrack.enable():
        pipeline().fit(X, y)
    run = autotrack.last_run()
    assert run is not None
    return run.load_model().save("crate"), X.head(1)


def _be_mlflow_model(folder: Path) -> None:
    """What MLflow needs to see in a folder, unless the crate has it already."""
    if (folder / "MLmodel").exists():
        return
    (folder / "MLmodel").write_text(
        "flavors:\n"
        "  python_function:\n"
        "    loader_module: mlflow.sklearn\n"
        "    model_path: model.pkl\n"
        f"    python_version: {platform.python_version()}\n"
        "  sklearn:\n"
        "    pickled_model: model.pkl\n"
        "    serialization_format: pickle\n"
    )


@contextmanager
def _running(command: list[str], output: int) -> Iterator[subprocess.Popen[str]]:
    """A server, with the programs of this environment at hand, ended with all it has started."""
    # MLflow starts uvicorn by its name.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    process = subprocess.Popen(
        command,
        env={**os.environ, "PATH": path},
        stdout=output,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=_PATIENCE)


def _wait_for(port: int) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            asyncio.run(_ask_often(port, _request("GET", "/ping", ""), 0))
            return
        except OSError:
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.2)


def _measured(port: int, path: str, body: str, quick: bool) -> Samples:
    request = _request("POST", path, body)
    rounds, seconds = (3, 1.0) if quick else (7, 2.0)
    asyncio.run(_one_by_one(port, request, 1.0))
    samples: Samples = {"serve_p50": [], "serve_p99": [], "serve_rate": []}
    for _ in range(rounds):
        took = sorted(asyncio.run(_one_by_one(port, request, seconds)))
        samples["serve_p50"].append(statistics.median(took))
        samples["serve_p99"].append(took[int(len(took) * 0.99)])
        samples["serve_rate"].append(asyncio.run(_many(port, request, seconds)))
    return samples


def _request(method: str, path: str, body: str) -> bytes:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def _one_by_one(port: int, request: bytes, seconds: float) -> list[float]:
    """What each request takes a client that waits for the answer to the one before."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took: list[float] = []
    until = time.perf_counter() + seconds
    while (started := time.perf_counter()) < until:
        await _ask(reader, writer, request)
        took.append(time.perf_counter() - started)
    writer.close()
    return took


async def _many(port: int, request: bytes, seconds: float) -> float:
    """Rows a second that all clients together get."""
    started = time.perf_counter()
    until = started + seconds
    counts = await asyncio.gather(*(_ask_often(port, request, until) for _ in range(CLIENTS)))
    return sum(counts) / (time.perf_counter() - started)


async def _ask_often(port: int, request: bytes, until: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = 0
    while True:
        await _ask(reader, writer, request)
        count += 1
        if time.perf_counter() > until:
            writer.close()
            return count


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    """Ask, and read the answer, which must be one. An HTTP client's own work would count too."""
    writer.write(request)
    async with asyncio.timeout(_PATIENCE):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head[:16], head
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        assert length is not None
        await reader.readexactly(int(length[1]))
