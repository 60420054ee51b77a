"""Requests that are odd, slow, too large or not meant for the server."""

from __future__ import annotations

import json
import random
import signal
import socket
import threading
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import autotrack
from tests.waiting import PATIENCE, wait_until

X = np.arange(12.0).reshape(6, 2)
FRAME = pd.DataFrame(X, columns=["a", "b"])
CSV = "text/csv"


@pytest.fixture(scope="module")
def server(start):
    """It adds up."""
    return start(LinearRegression(), FRAME, X.sum(axis=1))


# -- CSV ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2\n3,4,5\n", "rows[1]: the row has 3 values, and the header 2"),
        ("a,b\n1,2\n3\n", "rows[1]: the row has 1 values, and the header 2"),
        ("a,b\n1,2,\n3,4,\n", "rows[0]: the row has 3 values, and the header 2"),
        ("a,b\n1,2\n" + ",".join("1" * 100_000), "rows[1]: the row has 100,000 values"),
        (",".join(f"c{i}" for i in range(100_000)) + "\n1,2\n", "the header has 100,000 columns"),
        ("a,b,a\n1,2,3\n", "a: the header has the column twice"),
        ('a,b\n"1,2\n', "unexpected end of data"),
        ("\n\n", "it is empty"),
        ("a,b\n1,\xff", "rows[0].b"),
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/invocations"])
def test_csv_of_odd_widths_is_refused_at_once(server, path, text, told):
    began = time.monotonic()
    assert told in server.refused(path, text.encode(), CSV)[0]
    assert time.monotonic() - began < 5


def test_csv_of_odd_widths_is_refused_whatever_the_model_takes(start):
    wide = ",".join(f"c{i}" for i in range(100_000))
    array = start(LinearRegression(), X, X[:, 0])
    assert "100,000 columns" in array.refused("/predict", f"{wide}\n1,2", CSV)[0]
    assert array.post("/predict", "a,b\n1,2\n", CSV)["predictions"] == pytest.approx([1])
    free = start(autotrack.crate(lambda frame: frame["a"] + 1))
    assert "100,000 columns" in free.refused("/predict", f"{wide}\n1,2", CSV)[0]
    assert "rows[0]" in free.refused("/predict", f"a,b\n{wide}", CSV)[0]
    assert free.post("/predict", "a,b\n1,x\n", CSV)["predictions"] == [2]


def test_csv_keeps_its_quotes_blank_lines_and_missing_values(server):
    text = '\ufeff"x","b","a"\r\n"a ""b"", c\nd",2.0,1\r\n\r\n,4,"3"\r\n'
    said = server.post("/predict", text.encode(), CSV)
    assert said["predictions"] == pytest.approx([3, 7])
    told = server.refused("/predict", "a,b\n1,NA\n", CSV)
    assert "missing" in told[0] or "NaN" in told[0]


def test_more_wrong_fields_than_can_be_listed_are_counted(server):
    many = {"a": 1, "b": 2, **{f"x{i}": 1 for i in range(100_000)}}
    assert server.refused("/predict", [many])[0].startswith("rows: 100,000 fields")


# -- who asks -------------------------------------------------------------------------------------


def asked(server, path="/schema", method="GET", body=None, **headers):
    """The status of a request with exactly these headers."""
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as client:
        client.sendall("\r\n".join([*lines, "Connection: close", "", body or ""]).encode())
        return int(client.makefile("rb").readline().split()[1])


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:{port}", 200),
        ("LOCALHOST.:{port}", 200),
        ("127.0.0.1:{port}", 200),
        ("127.1.2.3", 200),
        ("[::1]:{port}", 200),
        ("evil.example", 403),
        ("evil.example:{port}", 403),
        ("localhost.evil.example", 403),
        ("evil.example@localhost", 403),
        ("localhost, evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("10.1.2.3", 403),
        ("[::2]", 403),
        ("\x1b[31m", 400),
        (None, 403),
    ],
)
@pytest.mark.parametrize("path", ["/schema", "/ping", "/docs"])
def test_only_the_machine_s_own_names_lead_here(server, path, host, status):
    host = host and host.format(port=server.port)
    assert asked(server, path, Host=host) == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:{port}", 200),
        ("http://127.0.0.1:{port}", 200),
        ("http://localhost:1", 403),
        ("http://localhost", 403),
        ("http://evil.example", 403),
        ("http://evil.example:{port}", 403),
        ("http://localhost:{port}.evil.example", 403),
        ("http://localhost:{port}@evil.example", 403),
        ("null", 403),
        ("file://", 403),
        ("chrome-extension://abc", 403),
    ],
)
def test_pages_of_others_may_not_ask(server, origin, status):
    host = f"localhost:{server.port}"
    headers = {"Content_Type": "application/json", "Origin": origin.format(port=server.port)}
    got = asked(server, "/predict", "POST", "[]", Host=host, **headers)
    assert got == status


def test_further_names_can_be_allowed(start):
    options = ["--allow-host", "models.example", "--host", "127.0.0.1"]
    server = start(LinearRegression(), X, X[:, 0], *options, AUTOTRACK_SERVE_TOKEN="s")
    known = {"Authorization": "Bearer s"}
    assert asked(server, Host="models.example", **known) == 200
    assert asked(server, Host="localhost", Origin="https://models.example", **known) == 200
    assert asked(server, Host="evil.example", **known) == 403
    assert asked(server, Host="localhost", Origin="https://evil.example", **known) == 403
    server = start(LinearRegression(), X, X[:, 0], "--allow-host", "*", "--host", "0.0.0.0")
    assert asked(server, Host="evil.example", Origin="null") == 200


def test_a_server_at_all_addresses_goes_by_each_of_them_and_its_own_name(start):
    server = start(LinearRegression(), X, X[:, 0], "--host", "0.0.0.0")
    for host in ("10.1.2.3", "10.1.2.3:80", "[fe80::1]:80", socket.gethostname(), "0.0.0.0"):
        assert asked(server, Host=host) == 200
    assert asked(server, Host="evil.example") == 403


@pytest.mark.parametrize("path", ["/predict", "/invocations"])
def test_a_body_is_json_or_csv_and_says_so(server, path):
    body = json.dumps([{"a": 1, "b": 2}] if path == "/predict" else {"instances": [[1, 2]]})
    for kind in ("text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded",
                 "multipart/form-data", "application/jsonp", "text/csvx", "*/*"):  # fmt: skip
        status, said, _ = server.ask("POST", path, body, {"Content-Type": kind})
        assert (status, "application/json" in said["detail"]) == (415, True)
    for kind in ("application/json; charset=utf-8", "APPLICATION/JSON"):
        assert server.post(path, body, kind)["predictions"] == pytest.approx([3])


# -- what is missing ------------------------------------------------------------------------------

TEXTS, TASTES = ["sweet tea", "sour tea", "sweet milk", "sour milk"], ["good", "bad", "good", "bad"]


@pytest.mark.parametrize("kind", [list, pd.Series, lambda texts: np.array(texts, dtype=object)])
def test_a_null_where_a_model_takes_texts_is_the_sender_s(start, kind):
    server = start(make_pipeline(CountVectorizer(), LogisticRegression()), kind(TEXTS), TASTES)
    for path, body in (
        ("/predict", [None]),
        ("/predict", {"rows": ["sweet", None]}),
        ("/predict_proba", ["sweet", None]),
        ("/invocations", {"instances": ["sweet", None]}),
    ):
        assert server.refused(path, body)
    assert server.post("/predict", ["sweet"])["predictions"] == ["good"]


def test_a_null_in_a_column_of_texts_is_the_sender_s(start):
    model = make_pipeline(
        make_column_transformer((CountVectorizer(), "text")), LogisticRegression()
    )
    server = start(model, pd.DataFrame({"text": TEXTS}), TASTES)
    told = server.refused("/predict", [{"text": "sweet"}, {"text": None}])
    assert told
    assert "rows[1].text" in told[0] or "text" in told[0]
    assert server.post("/predict", [{"text": "sour"}])["predictions"] == ["bad"]


# -- tables that are no frames ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["fields", "arrow"])
def test_rows_reach_a_model_of_fields_or_arrow_tables_as_it_knows_them(start, kind):
    def as_matrix(data):
        if kind == "fields":
            return np.column_stack([data[name] for name in data.dtype.names])
        return np.column_stack([column.to_numpy() for column in data.columns])

    data = np.array([tuple(row) for row in X], dtype=[("a", "f8"), ("b", "i4")])
    if kind == "arrow":
        pyarrow = pytest.importorskip("pyarrow")
        data = pyarrow.table({"a": X[:, 0], "b": X[:, 1].astype(int)})
    server = start(
        make_pipeline(FunctionTransformer(as_matrix), LinearRegression()), data, X.sum(axis=1)
    )
    rows = [{"b": 2, "a": 1.5}, {"a": 3, "b": 4}]
    assert server.post("/predict", rows)["predictions"] == pytest.approx([3.5, 7])
    assert server.refused("/predict", [{"a": 1}])
    assert server.refused("/predict", [{"a": 1, "b": "x"}])
    assert server.refused("/predict", [{"a": 1, "b": None}])


# -- slow clients ---------------------------------------------------------------------------------

HURRY = (
    "import autotrack.serving.connections as c\n"
    "c.HEAD_SECONDS, c.BODY_SECONDS, c.LEAST_RATE, c._TICK = 1.0, 1.0, 1000, 0.1\n"
    "c.STALL_SECONDS, c.FAREWELL_SECONDS = 1.5, 0.5\n"
)


@pytest.fixture(scope="module")
def hurried(start):
    """A server of little patience."""
    return start(LinearRegression(), FRAME, X.sum(axis=1), before=HURRY)


def sent(server, *pieces, pause=0.0):
    """Send pieces with pauses between them; what comes back until the server hangs up."""
    said = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as client:
        with suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                client.sendall(piece)
                time.sleep(pause)
        with suppress(ConnectionResetError):
            while more := client.recv(1 << 16):
                said += more
    return said


GET = b"GET /ping HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET",
        GET,
        GET + b"X-Half: a",
        GET + b"\r\n" + GET,
        POST + b"Content-Length: 100\r\n\r\n",
        POST + b"Content-Length: 100\r\n\r\n[{",
        POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n[{",
    ],
)
def test_a_request_that_stays_half_sent_is_given_up(hurried, begun):
    began = time.monotonic()
    said = sent(hurried, begun)
    assert b"408" in said
    assert time.monotonic() - began < PATIENCE / 2
    assert hurried.ask("GET", "/ping")[0] == 200


def test_a_request_that_comes_drop_by_drop_is_given_up(hurried):
    drops = [b"X-%d: a\r\n" % number for number in range(60)]
    assert b"408" in sent(hurried, GET, *drops, pause=0.1)
    body = POST + b"Content-Length: 1000\r\n\r\n["
    assert b"408" in sent(hurried, body, *[b" "] * 60, pause=0.1)


def test_a_body_that_comes_slowly_but_steadily_is_read(hurried):
    rows = json.dumps([{"a": 1, "b": 2}] * 500).encode()
    pieces = [rows[start : start + 2000] for start in range(0, len(rows), 2000)]
    head = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(rows)
    said = sent(hurried, head, *pieces, pause=0.3)
    assert b"200 OK" in said
    assert said.count(b"3.0") == 500 or said.count(b"2.99") + said.count(b"3.0") >= 500


@pytest.mark.parametrize(
    "headers",
    [
        b"X-Long: " + b"a" * 100_000 + b"\r\n",
        b"".join(b"X-%d: a\r\n" % number for number in range(200)),
        b"".join(b"X-%d: %s\r\n" % (number, b"a" * 2000) for number in range(50)),
        b"X-Long: " + b"a" * 1_000_000,
    ],
)
def test_headers_that_are_too_many_or_too_large_are_refused(server, headers):
    assert b"431" in sent(server, GET, headers, b"\r\n")
    assert b"431" in sent(
        server, b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    )
    fine = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 500) for number in range(80))
    assert b"200 OK" in sent(server, GET, fine, b"Connection: close\r\n\r\n")


def test_a_client_that_does_not_take_its_answer_is_given_up(hurried):
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", hurried.port))
        for _ in range(30):  # of Swagger's script, which is a megabyte
            client.sendall(
                b"GET /docs/assets/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
            )
        wait_until(lambda: _is_closed(client), "the end of the connection")
    assert hurried.ask("GET", "/ping")[0] == 200


def _is_closed(client):
    try:
        client.sendall(b"\r\n")
    except (BrokenPipeError, ConnectionResetError):
        return True
    return False


def test_a_stop_does_not_wait_for_slow_clients(start):
    server = start(LinearRegression(), FRAME, X.sum(axis=1))
    clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(4)]
    for client, begun in zip(
        clients, (b"", GET, POST + b"Content-Length: 9\r\n\r\n", POST), strict=True
    ):
        client.sendall(begun)
    assert server.ask("GET", "/ping")[0] == 200
    began = time.monotonic()
    assert server.stop(signal.SIGTERM) == 0
    assert time.monotonic() - began < 5
    for client in clients:
        client.close()


# -- all at once ----------------------------------------------------------------------------------


WIDE = [
    (",".join(map(str, range(100_000))) + "\n" + ",".join("1" * 100_000)).encode(),
    ("a,b\n1,2\n" + ",".join("1" * 100_000)).encode(),
]


class Crowd:
    """Clients that ask good and bad things at the same time; what they saw that is wrong."""

    def __init__(self, server, seconds):
        self.server = server
        self.until = time.monotonic() + seconds
        self.wrong = []
        self.asked = 0
        self.pings = []

    def run(self, count):
        jobs = [self.good, self.bad, self.wide, self.half]
        threads = [
            threading.Thread(target=self.be, args=(jobs[number % len(jobs)], number))
            for number in range(count)
        ]
        threads.append(threading.Thread(target=self.ping))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def be(self, job, number):
        chance = random.Random(number)
        while time.monotonic() < self.until:
            try:
                job(chance)
                self.asked += 1
            except (OSError, HTTPException) as error:
                self.wrong.append(f"{job.__name__}: {error!r}")
            time.sleep(chance.random() / 10)

    def ask(self, body, kind):
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        return self.server.ask("POST", "/predict", body, {"Content-Type": kind}, connection)[:2]

    def good(self, chance):
        rows = [{"a": chance.random(), "b": chance.random()} for _ in range(chance.randint(1, 9))]
        kind = chance.choice(["application/json", CSV])
        body = rows if kind != CSV else pd.DataFrame(rows).to_csv(index=False)
        status, said = self.ask(body, kind)
        wanted = [row["a"] + row["b"] for row in rows]
        if status != 200 or said["predictions"] != pytest.approx(wanted):
            self.wrong.append((status, said, wanted))

    def bad(self, chance):
        body, kind, wanted = chance.choice(
            [
                ([{"a": 1}], "application/json", 422),
                ([{"a": "x", "b": 1}], "application/json", 422),
                ([{"a": None, "b": 1}], "application/json", 422),
                ("[{", "application/json", 422),
                ("a,b\n1,2,3\n", CSV, 422),
                ("a\n1\n", CSV, 422),
                ("[]", "text/plain", 415),
            ]
        )
        status, said = self.ask(body, kind)
        if status != wanted:
            self.wrong.append((status, said, body))

    def wide(self, chance):
        status, said = self.ask(chance.choice(WIDE), CSV)
        if status != 422:
            self.wrong.append((status, said))
        time.sleep(0.3)

    def half(self, chance):
        begun = chance.choice([GET, GET + b"X: ", POST + b"Content-Length: 9\r\n\r\n[", b""])
        with socket.create_connection(("127.0.0.1", self.server.port)) as client:
            client.sendall(begun)
            time.sleep(chance.random())

    def ping(self):
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        while time.monotonic() < self.until:
            began = time.monotonic()
            connection.request("GET", "/ping")
            connection.getresponse().read()
            self.pings.append(time.monotonic() - began)
            time.sleep(0.05)


@pytest.mark.parametrize(
    "seconds", [3, pytest.param(20, marks=pytest.mark.thorough)], ids=["short", "long"]
)
def test_a_crowd_of_good_and_bad_clients_is_answered_and_the_stop_is_quick(start, seconds):
    server = start(LinearRegression(), FRAME, X.sum(axis=1))
    crowd = Crowd(server, seconds)
    crowd.run(64)
    assert crowd.wrong == []
    assert crowd.asked > 64
    # The clients are threads of one process, and keep the machine busy by themselves.
    assert np.median(crowd.pings) < 0.5
    began = time.monotonic()
    assert server.stop(signal.SIGTERM) == 0
    assert time.monotonic() - began < 5
