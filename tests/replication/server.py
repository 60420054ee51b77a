"""A real MLflow server, in an environment of its own, on SQLite or on PostgreSQL."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
#: The environment that has the whole of MLflow; `make .venv-bench/installed` makes it.
BIN = Path(os.environ.get("AUTOTRACK_TEST_MLFLOW") or ROOT / ".venv-bench" / "bin")
# Debian keeps PostgreSQL's programs away from the path.
_POSTGRES = ("/usr/lib/postgresql/*/bin", "/usr/local/bin", "/usr/bin")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class MlflowServer:
    """A server that can be killed and started again at the same address."""

    def __init__(self, folder: Path, database: str | None = None, workers: int = 1) -> None:
        self.folder = folder
        self.database = database or f"sqlite:///{folder}/mlflow.db"
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.workers = workers
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [
            BIN / "mlflow", "server", "--backend-store-uri", self.database,
            "--artifacts-destination", self.folder / "artifacts", "--host", "127.0.0.1",
            "--port", self.port, "--workers", self.workers,
        ]  # fmt: skip
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("COV")},
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        with open(self.folder / "server.log", "ab") as log:
            self._process = subprocess.Popen(
                list(map(str, command)),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
                cwd=self.folder,
            )
        wait_until(self._answers, "MLflow's server")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "server.log").read_text()[-3000:]
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


class Postgres:
    """A PostgreSQL of its own, in a folder of its own, by a user who may: it refuses root.

    The folder is none of pytest's, which another user cannot get into.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="autotrack-postgres-"))
        self.port = free_port()
        self.uri = f"postgresql+psycopg2://mlflow@127.0.0.1:{self.port}/postgres"

    @staticmethod
    def program(name: str) -> str | None:
        for place in _POSTGRES:
            parent, _, tail = place.partition("/*")
            folders = sorted(Path(parent).glob(f"*{tail}")) if tail else [Path(parent)]
            for folder in reversed(folders):
                if (folder / name).exists():
                    return str(folder / name)
        return shutil.which(name)

    def _run(self, name: str, *arguments: str) -> None:
        command: Sequence[str] = [str(self.program(name)), *arguments]
        user = None
        if os.geteuid() == 0:
            user = "nobody"
            for database in ("postgres", "nobody"):
                if (
                    subprocess.run(["id", database], capture_output=True, check=False).returncode
                    == 0
                ):
                    user = database
                    break
        done = subprocess.run(
            command, user=user, cwd="/", capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"

    def start(self) -> None:
        self.folder.chmod(0o777 if os.geteuid() == 0 else 0o700)
        data = f"{self.folder}/data"
        self._run("initdb", "-D", data, "-U", "mlflow", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k '' -c fsync=off"
        self._run("pg_ctl", "-D", data, "-w", "-o", options, "-l", f"{self.folder}/log", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)
