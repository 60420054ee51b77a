"""The routes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from autotrack._version import __version__
from autotrack.serving import openapi
from autotrack.serving.allowed_hosts import Origins
from autotrack.serving.auth import Guard
from autotrack.serving.batching import Batcher, BusyError
from autotrack.serving.model import Served
from autotrack.serving.requests.bodies import Bodies
from autotrack.serving.requests.input_errors import BadInputError, Problem
from autotrack.serving.responses import encoded

log = logging.getLogger("autotrack.serving")

Reader = Callable[[bytes], list[Any]]

#: Bodies above this size (bytes) are read in a thread, so that others need not wait for it.
_LARGE = 64_000
# So many are read in threads at a time.
_READERS = 2
_JSON, _CSV = "application/json", "text/csv"


def make_app(served: Served, *, token: str | None, most_bytes: int, origins: Origins) -> ASGIApp:
    """The application that answers for one model.

    Parameters
    ----------
    served : Served
        The model.
    token : str or None
        What requests have to bring along.
    most_bytes : int
        How large a body may be.
    origins : Origins
        Which names the server has.
    """
    routes = _Routes(served)
    named = served.crate.manifest.estimator.rpartition(".")[2]
    app = FastAPI(
        title=f"{named} ({served.uri})",
        version=__version__,
        description="Predictions of one model. A JSON null is a missing value.",
        docs_url=None,
        redoc_url=None,
        lifespan=routes.living,
    )
    for method in served.methods:
        app.add_api_route(
            f"/{method}",
            getattr(routes, method),
            methods=["POST"],
            name=method,
            operation_id=method,
            description=_DESCRIPTIONS[method],
            openapi_extra=openapi.route(served, method),
            response_class=Response,
        )
    app.add_api_route(
        "/invocations",
        routes.invocations,
        methods=["POST"],
        operation_id="invocations",
        openapi_extra=openapi.invocations(served),
        response_class=Response,
    )
    for path, endpoint in (
        ("/ping", routes.ping),
        ("/health", routes.ping),
        ("/metadata", routes.metadata),
        ("/schema", routes.schema),
    ):
        app.add_api_route(path, endpoint, name=path[1:], operation_id=path[1:])
    app.add_route("/", routes.index, include_in_schema=False)
    app.add_route("/docs", routes.docs, include_in_schema=False)
    app.mount(openapi.ASSETS, StaticFiles(directory=openapi.assets()))
    app.add_exception_handler(Exception, _unforeseen)
    if token is not None:
        said = app.openapi()  # which is kept, and shown from then on
        schemes = {"token": {"type": "http", "scheme": "bearer"}}
        said.setdefault("components", {})["securitySchemes"] = schemes
        said["security"] = [{"token": []}]
    return Guard(app, token, most_bytes, origins)


_DESCRIPTIONS = {
    "predict": 'Predict for rows: `{"rows": [...]}`, or the list of rows alone.',
    "predict_proba": "Probabilities for rows, one for each of `classes`.",
}


class _Routes:
    """What the routes have in common."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._bodies = Bodies(served.rows)
        # More threads at a time would hold up the loop, which takes turns with them.
        self._turns = asyncio.Semaphore(_READERS)
        self._classes = served.classes() if "predict_proba" in served.methods else None

    @asynccontextmanager
    async def living(self, app: FastAPI) -> AsyncIterator[None]:
        """Predict as long as the server runs."""
        self._served.prepare()
        self._batcher = Batcher(self._served.answer, joins=self._served.joins)
        self._batcher.start()
        yield
        self._batcher.stop()

    async def predict(self, request: Request) -> Response:
        """Predict for rows of our own JSON, or of CSV."""
        return await self._answer("predict", self._bodies.read, request, {})

    async def predict_proba(self, request: Request) -> Response:
        """The same for probabilities, with what they are of."""
        more = {"classes": self._classes}
        return await self._answer("predict_proba", self._bodies.read, request, more)

    async def invocations(self, request: Request) -> Response:
        """Predict as MLflow's scoring server does: its four shapes of JSON, or CSV."""
        return await self._answer("predict", self._bodies.read_mlflow, request, {})

    async def _answer(
        self, method: str, read: Reader, request: Request, more: dict[str, Any]
    ) -> Response:
        """Answer rows of JSON, which `read` understands, or of CSV."""
        # What a browser sends for any page without asking, text/plain among it, is none of them.
        kind = request.headers.get("content-type", _JSON).partition(";")[0].strip().lower()
        if kind not in (_JSON, _CSV):
            return _failed(415, f"the body must be {_JSON} or {_CSV}, not {kind!r:.80}")
        if kind == _CSV:
            read = self._bodies.read_csv
        rows: list[Any] = []
        try:
            body = await request.body()
        except ClientDisconnect:
            return Response(status_code=400)  # which nobody reads any more
        try:
            rows = read(body) if len(body) < _LARGE else await self._read_apart(read, body)
            predictions = await self._batcher.ask(method, rows)
            return Response(encoded({"predictions": predictions, **more}), media_type=_JSON)
        except BadInputError as error:
            return _failed(422, [problem.to_json() for problem in error.problems])
        except ValueError as error:
            # What scikit-learn says of data, and so what the sender is to know.
            told = {"type": "model_error", "loc": ["body"], "msg": str(error)}
            return _failed(422, [told])
        except BusyError:
            told_busy = "too many requests are waiting; try again later"
            return _failed(503, told_busy, {"Retry-After": "1"})
        except Exception as error:
            if (place := _null_in(rows)) is not None:
                # Models of texts, say, that know no missing values stumble over them anyhow.
                log.warning("the model failed for rows with a null", exc_info=error)
                told_null = "the model failed, and it may be for the null here; give a value"
                return _failed(422, [Problem(place, told_null, "model_error").to_json()])
            return _broken(error)

    async def _read_apart(self, read: Reader, body: bytes) -> list[Any]:
        """Read a body in a thread; one that nobody waits for at the end."""
        async with self._turns:
            loop = asyncio.get_running_loop()
            done: asyncio.Future[list[Any]] = loop.create_future()
            threading.Thread(
                target=_read_into, args=(read, body, loop, done), name="autotrack-read", daemon=True
            ).start()
            return await done

    async def ping(self) -> dict[str, str]:
        """Whether the server is there."""
        return {}

    async def metadata(self) -> dict[str, Any]:
        """What is known of the model."""
        return self._served.metadata()

    async def schema(self) -> dict[str, Any]:
        """What is known of the data it was trained on."""
        return self._served.crate.schema

    async def index(self, request: Request) -> Response:
        """Show the documentation."""
        return RedirectResponse(f"{request.scope.get('root_path', '')}/docs")

    async def docs(self, request: Request) -> Response:
        """Show the documentation."""
        return openapi.page(request.app.title, request.scope.get("root_path", ""))


def _read_into(
    read: Reader, body: bytes, loop: asyncio.AbstractEventLoop, done: asyncio.Future[list[Any]]
) -> None:
    try:
        settle, result = done.set_result, read(body)
    except Exception as error:  # noqa: BLE001 - for who waits
        settle, result = done.set_exception, error  # type: ignore[assignment]
    with contextlib.suppress(RuntimeError):  # the loop is at its end
        loop.call_soon_threadsafe(_settle, done, settle, result)


def _settle(done: asyncio.Future[Any], settle: Callable[[Any], None], result: Any) -> None:
    if not done.done():  # its request was given up
        settle(result)


def _null_in(rows: Sequence[Any]) -> tuple[str | int, ...] | None:
    """The place of the first null; None where there is none."""
    for number, row in enumerate(rows):
        if row is None:
            return "rows", number
        inner: Iterable[tuple[str | int, Any]] = ()
        if isinstance(row, dict):
            inner = row.items()
        elif isinstance(row, list):
            inner = enumerate(row)
        for key, value in inner:
            if value is None:
                return "rows", number, key
    return None


def _failed(status: int, detail: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(encoded({"detail": detail}), status, headers, _JSON)


def _broken(error: Exception) -> Response:
    """An error that is nobody's business but the server's, which finds it by its number."""
    number = uuid.uuid4().hex[:8]
    log.error("error %s", number, exc_info=error)
    return _failed(500, f"something went wrong here; the server's log has it under {number}")


async def _unforeseen(request: Request, error: Exception) -> Response:
    return _broken(error)
