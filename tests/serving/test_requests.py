"""What a server says of rows, good and bad."""

from __future__ import annotations

import io
import math
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import autotrack

ROWS = [
    {"aroma": 7.1, "bags": 20, "variety": "Bourbon", "organic": True},
    {"aroma": None, "bags": 7, "variety": None, "organic": False},
]


@pytest.fixture(scope="module")
def X(coffee):
    return coffee.drop(columns="grade")


@pytest.fixture(scope="module")
def model(X, coffee):
    """One that refuses varieties it does not know."""
    return make_pipeline(
        make_column_transformer(
            (OneHotEncoder(), ["variety"]),
            (SimpleImputer(add_indicator=True), ["aroma"]),
            remainder="passthrough",
        ),
        LinearRegression(),
    ).fit(X, coffee["grade"])


@pytest.fixture(scope="module")
def server(start, model, X, coffee):
    return start(model, X, coffee["grade"])


@pytest.fixture(scope="module")
def expected(model):
    """What the model says of rows, asked directly."""
    return lambda rows: model.predict(pd.DataFrame(rows).fillna({"variety": np.nan})).tolist()


def test_rows_are_predicted_in_order_and_null_is_missing(server, expected):
    assert server.post("/predict", {"rows": ROWS}) == {"predictions": expected(ROWS)}
    assert server.post("/predict", ROWS[::-1]) == {"predictions": expected(ROWS[::-1])}


def test_fields_may_come_in_any_order(server, expected):
    turned = [dict(reversed(row.items())) for row in ROWS]
    assert server.post("/predict", turned) == {"predictions": expected(ROWS)}


def test_no_rows_have_no_predictions(server):
    assert server.post("/predict", {"rows": []}) == {"predictions": []}


def test_a_whole_number_does_for_a_float_and_a_float_without_fraction_for_an_integer(
    server, expected
):
    row = {**ROWS[0], "aroma": 7, "bags": 20.0}
    assert server.post("/predict", [row])["predictions"] == expected([{**row, "aroma": 7.0}])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"aroma": "abc"}, r"rows\[1\]\.aroma: Input should be a valid number"),
        ({"aroma": True}, r"rows\[1\]\.aroma: Input should be a valid number"),
        ({"bags": 7.5}, r"rows\[1\]\.bags: Input should be a whole number"),
        ({"bags": 2**63}, r"rows\[1\]\.bags: Input should be a whole number"),
        ({"organic": "yes"}, r"rows\[1\]\.organic: Input should be a valid boolean"),
        ({"aroma": math.nan}, r"rows\[1\]\.aroma: Input should be a finite number"),
        ({"aroma": math.inf}, r"rows\[1\]\.aroma: Input should be a finite number"),
        ({"altitude": 3}, r"rows\[1\]\.altitude: the model knows no such field"),
    ],
)
def test_bad_input_is_named_by_row_and_field(server, change, message):
    (said,) = server.refused("/predict", {"rows": [ROWS[0], {**ROWS[1], **change}]})
    assert re.match(message, said)


def test_all_that_is_wrong_is_named(server):
    bad = [{**ROWS[0], "aroma": "x"}, {}, {**ROWS[0], "bags": "y"}]
    said = server.refused("/predict", bad)
    assert len(said) == 1 + 4 + 1
    assert {text.partition("]")[0] for text in said} == {"rows[0", "rows[1", "rows[2"}


def test_a_missing_field_is_named(server):
    row = {name: value for name, value in ROWS[0].items() if name != "variety"}
    (said,) = server.refused("/predict", [row])
    assert said.startswith("rows[0].variety: the field is missing")


def test_an_answer_does_not_repeat_a_long_name_of_a_field(server):
    said = server.refused("/predict", {"rows": [{**ROWS[0], "k" * 1_000_000: 1}]})
    assert said == [f"rows[0].{'k' * 200}…: the model knows no such field"]


def test_of_a_large_body_the_first_bad_row_is_named(server):
    said = server.refused("/predict", [ROWS[0]] * 2000 + [{}] * 2000)
    assert {text.partition("]")[0] for text in said} == {"rows[2000"}


@pytest.mark.parametrize(
    "body", ["", "{", "[1", '{"rows": 3}', "3", '{"row": []}', "\xff", "[" * 999]
)
def test_what_is_no_body_is_refused(server, body):
    assert server.refused("/predict", body.encode("latin-1"))
    assert server.refused("/invocations", body.encode("latin-1"))


def test_what_the_model_says_of_a_value_reaches_the_sender_without_a_traceback(server):
    status, said, _ = server.ask("POST", "/predict", [{**ROWS[0], "variety": "Geisha"}])
    assert status == 422
    assert "Geisha" in said["detail"][0]["msg"]
    assert "Traceback" not in str(said)


def test_clients_at_once_get_their_own_rows_and_errors(server, expected):
    good = [{**ROWS[0], "aroma": 5 + number / 16} for number in range(64)]
    bad = {**ROWS[0], "variety": "Geisha"}
    wanted = [expected([row]) for row in good]

    def ask(number):
        if number % 5 == 0:
            return server.ask("POST", "/predict", [bad])[0] == 422
        row = good[number % 64]
        return server.post("/predict", [row])["predictions"] == pytest.approx(wanted[number % 64])

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(ask, range(640)))


class Counts(RegressorMixin, BaseEstimator):
    """Says of each row how many it was asked for together, after a while."""

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        import time

        time.sleep(0.05)
        return [len(X)] * len(X)


def test_requests_that_wait_are_predicted_together_but_not_by_functions(start):
    X = [[1.0], [2.0]]
    counts = Counts()
    model = start(counts, np.array(X), [1, 2])
    function = start(autotrack.crate(lambda rows: counts.predict(rows), counts=counts))
    for server, together in ((model, True), (function, False)):
        with ThreadPoolExecutor(16) as pool:
            asked = [pool.submit(server.post, "/predict", [[1.0]]) for _ in range(48)]
        said = [future.result()["predictions"] for future in asked]
        assert all(len(each) == 1 for each in said)
        assert (max(said) > [1]) == together


def test_the_four_shapes_of_mlflow_are_understood(server, expected):
    names, values = list(ROWS[0]), [list(row.values()) for row in ROWS]
    wanted = {"predictions": expected(ROWS)}
    split = {"index": [0, 1], "columns": names, "data": values}
    assert server.post("/invocations", {"dataframe_split": split}) == wanted
    assert server.post("/invocations", {"dataframe_records": ROWS, "params": {}}) == wanted
    assert server.post("/invocations", {"instances": ROWS}) == wanted
    assert server.post("/invocations", {"instances": values}) == wanted
    columns = {name: [row[name] for row in ROWS] for name in names}
    assert server.post("/invocations", {"inputs": columns}) == wanted
    assert server.post("/invocations", {"inputs": ROWS[0]}) == {"predictions": expected(ROWS[:1])}


def test_mlflows_clients_may_send_columns_that_are_not_needed(server, expected):
    rows = [{"farm": "La Esperanza", **row} for row in ROWS]
    assert server.post("/invocations", {"dataframe_records": rows})["predictions"] == expected(ROWS)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"instances": ROWS, "inputs": ROWS}, "exactly one of"),
        ([1], "exactly one of"),
        ({"dataframe_split": {"columns": ["aroma"], "data": [[1], [1, 2]]}}, r"data\[1\]: Input"),
        ({"dataframe_split": [1]}, "dataframe_split: Input"),
        ({"inputs": {"aroma": [1], "bags": [1, 2]}}, "not of the same length"),
        ({"dataframe_records": [{**ROWS[0], "bags": "x"}]}, r"dataframe_records\[0\]\.bags"),
        ({"instances": 3}, "a list of rows"),
    ],
)
def test_bad_input_in_mlflows_shapes_is_named(server, body, message):
    assert re.search(message, server.refused("/invocations", body)[0])


def test_csv_with_a_header_line_is_understood(server, expected):
    text = pd.DataFrame(ROWS).to_csv()
    for path in ("/invocations", "/predict"):
        assert server.post(path, text, "text/csv") == {"predictions": expected(ROWS)}


def test_bad_csv_is_named_by_row_and_field(server):
    text = "aroma,bags,variety,organic\n7.5,1,Bourbon,True\nmild,2,Bourbon,False\n"
    assert server.refused("/invocations", text, "text/csv")[0].startswith("rows[1].aroma")
    assert "no CSV" in server.refused("/invocations", "", "text/csv")[0]


def test_other_content_types_are_refused(server):
    assert server.ask("POST", "/invocations", "x", {"Content-Type": "text/plain"})[0] == 415


def test_what_is_known_of_the_model_can_be_asked(server):
    status, said, _ = server.ask("GET", "/metadata")
    assert (status, said["estimator"]) == (200, "sklearn.pipeline.Pipeline")
    assert said["methods"] == ["predict"]
    assert any(need.startswith("scikit-learn==") for need in said["requirements"])
    columns = server.ask("GET", "/schema")[1]["columns"]
    assert [column["name"] for column in columns] == list(ROWS[0])
    for path in ("/ping", "/health"):
        assert server.ask("GET", path)[:2] == (200, {})
    assert server.ask("POST", "/predict_proba", ROWS)[0] == 404


def test_the_documentation_names_the_columns_and_has_an_example_that_works(server):
    said = server.ask("GET", "/openapi.json")[1]
    content = said["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    row = content["schema"]["anyOf"][0]["properties"]["rows"]["items"]
    assert list(row["properties"]) == row["required"] == list(ROWS[0])
    assert row["properties"]["bags"]["type"] == ["integer", "null"]
    example = content["example"]
    example["rows"][0]["variety"] = "Bourbon"  # until levels are known of it, it is any text
    assert len(server.post("/predict", example)["predictions"]) == 1


def test_the_documentation_needs_no_other_host(server):
    status, html, _ = server.ask("GET", "/docs")
    assert status == 200
    links = re.findall(r"""(?:src|href|url)\s*[=:]\s*['"]([^'"]+)['"]""", html)
    assert len(links) == 4
    for link in links:
        assert link.startswith("/")
        assert server.ask("GET", link)[0] == 200
    assert '"validatorUrl": null' in html
    assert "http" not in html.replace("http-equiv", "")


def test_probabilities_come_with_their_classes(start, coffee):
    X = coffee[["bags", "grade"]]
    y = np.where(coffee["organic"], "yes", "no")
    model = make_pipeline(StandardScaler(), LogisticRegression())
    server = start(model, X, y)
    rows = X.head(3).to_dict("records")
    assert server.post("/predict", rows)["predictions"] == model.predict(X.head(3)).tolist()
    said = server.post("/predict_proba", rows)
    assert said["classes"] == ["no", "yes"]
    assert said["predictions"] == pytest.approx(model.predict_proba(X.head(3)), rel=1e-12)


def test_a_frame_of_floats_is_predicted_as_the_model_does_itself(start, coffee):
    X = coffee[["aroma", "grade"]]
    model = HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=2)
    server = start(model, X, coffee["bags"], "--workers", "2")
    rows = X.astype(object).where(X.notna(), None).to_dict("records")
    wanted = model.predict(X).tolist()
    for _ in range(30):  # from the thread at first, from the loop when it is known to be quick
        assert server.post("/predict", rows)["predictions"] == wanted
        assert server.post("/predict", rows[:1])["predictions"] == wanted[:1]
    strict = start(LinearRegression(), X.dropna(), X.dropna()["grade"])
    assert "NaN" in strict.refused("/predict", [{"aroma": None, "grade": 80.0}])[0]


def test_rows_of_an_array_are_lists_of_its_width(start):
    X = np.arange(12.0).reshape(6, 2)
    model = LinearRegression()
    server = start(model, X, X @ [1.0, 2.0])
    wanted = model.predict(X[:2]).tolist()
    assert server.post("/predict", X[:2].tolist())["predictions"] == wanted
    assert server.post("/invocations", {"inputs": X[:2].tolist()})["predictions"] == wanted
    text = pd.DataFrame(X[:2]).to_csv(index=False)
    assert server.post("/invocations", text, "text/csv")["predictions"] == wanted
    assert "rows[1]: List should have" in server.refused("/predict", [[1, 2], [1, 2, 3]])[0]
    assert server.refused("/predict", [[1, 2], [1, "x"]])[0].startswith("rows[1][1]: ")


def test_rows_of_texts_are_strings(start):
    texts = ["sour and thin", "sweet and round", "sweet", "thin"]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    server = start(model, texts, ["bad", "good", "good", "bad"])
    assert server.post("/predict", {"rows": ["sweet coffee"]}) == {"predictions": ["good"]}
    assert server.post("/invocations", {"inputs": ["sour"]})["predictions"] == ["bad"]
    assert server.post("/invocations", "text\nsour\n", "text/csv")["predictions"] == ["bad"]
    assert server.refused("/predict", [3])[0].startswith("rows[0]: ")


def test_a_function_of_one_parameter_is_given_a_frame(start):
    server = start(autotrack.crate(lambda rows: rows["a"] + rows["b"] * factor, factor=10))  # noqa: F821
    assert server.post("/predict", [{"a": 1, "b": 2}, {"a": 3, "b": 4}]) == {
        "predictions": [21, 43]
    }


def test_a_function_of_several_is_called_for_each_row(start):
    server = start(autotrack.crate(lambda score, limit=0.5: score > limit))
    # `limit` has a default, so it is one of a frame; these need both.
    both = start(autotrack.crate(lambda score, limit: {"passed": score > limit}))
    assert both.post("/predict", [{"score": 1, "limit": 2}]) == {"predictions": [{"passed": False}]}
    assert both.refused("/predict", [{"score": 1}])[0].startswith("rows[0].limit: ")
    status, said, _ = both.ask("POST", "/predict", [{"score": "a", "limit": 2}])
    assert (status, "Traceback" in str(said)) == (500, False)
    number = said["detail"].split()[-1]
    assert f"error {number}" in both.errors.read_text()
    assert "TypeError" in both.errors.read_text()
    assert server.post("/predict", [[1.0], [0.0]]) == {"predictions": [[True], [False]]}


def test_csv_reads_as_pandas_does(server, expected, coffee):
    X = coffee.drop(columns="grade")
    text = X.to_csv(index=False)
    read = pd.read_csv(io.StringIO(text))
    assert server.post("/invocations", text, "text/csv")["predictions"] == expected(
        read.to_dict("records")
    )
