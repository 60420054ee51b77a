"""No value of data, and nothing by which one could be guessed, is in any file of a store."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, classification_report, confusion_matrix
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    cross_val_score,
    cross_validate,
    learning_curve,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import autotrack
from autotrack.describe.data import row_keys

random = np.random.default_rng(0)
PEOPLE = [f"Zacharias{n}Quux" for n in range(60)]
WHO = np.repeat(np.arange(60), 4)
PAY = np.round(918273.5 + 1000 * random.random(240), 4)
HEIGHT = np.round(random.normal(size=240), 6) + 5_551_212
DAYS = pd.date_range("1871-03-05", periods=240, freq="D")


def people() -> tuple[pd.DataFrame, np.ndarray]:
    """Names, pay and days, all of which are planted; the outcome is a person's."""
    frame = pd.DataFrame({"name": np.array(PEOPLE)[WHO], "pay": PAY, "hired": DAYS})
    frame["height"] = HEIGHT
    frame.index = [f"row-of-Zacharias-{n}" for n in range(240)]
    order = random.permutation(240)
    return frame.iloc[order], (np.repeat(random.integers(0, 2, 60), 4) + 77_001_122)[order]


def numbers(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[["pay", "height"]]


def model(**options: object) -> object:
    take = make_column_transformer(("passthrough", ["pay", "height"]))
    return make_pipeline(take, DecisionTreeClassifier(random_state=0, **options))


def work() -> None:
    """Whatever leads to findings, counts, ledgers and tables."""
    frame, y = people()
    X_train, X_test, y_train, y_test = frame[:160], frame[150:], y[:160], y[150:]
    with autotrack.start_run("compared"):
        for depth, rows in ((1, slice(None)), (2, slice(None)), (3, slice(10, 70))):
            fitted = model(max_depth=depth).fit(X_train, y_train)
            predicted = fitted.predict(X_test[rows])
            accuracy_score(y_test[rows], predicted)
            confusion_matrix(y_test[rows], predicted)
            fitted.score(X_test[rows], y_test[rows])
    fitted.score(frame, y)
    # Steps outside of a pipeline, groups by name, searches and validations on the same rows.
    scaled = StandardScaler().fit_transform(numbers(frame))
    chosen = SelectKBest(k=1).fit_transform(scaled, y)
    split = train_test_split(chosen, y, random_state=0)
    logistic = LogisticRegression().fit(split[0], split[2])
    accuracy_score(split[3], logistic.predict(split[1]))
    X = numbers(frame)
    cross_validate(model(), frame, y, groups=frame["name"], cv=GroupKFold(3))
    cross_val_score(RandomForestClassifier(5), X, y, cv=KFold(3, shuffle=True, random_state=0))
    learning_curve(RandomForestClassifier(5), X, y, cv=2)
    search = GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2, 3]}, cv=2).fit(X, y)
    cross_val_score(search.best_estimator_, X, y)
    own = make_pipeline(FunctionTransformer(numbers), DecisionTreeClassifier())
    own.fit(X_train, y_train).score(X_test, y_test)
    autotrack.best_run("test_accuracy_score")


def forms(value: str | float) -> set[bytes]:
    """How a value may stand in a file."""
    if isinstance(value, str):
        return {value.encode(), value.encode("utf-16-le")}
    number = np.float64(value).tobytes()
    return {repr(value).encode(), number, number[::-1]}


def keys_in(text: bytes, keys: Iterable[int]) -> set[int]:
    """The keys that stand in a text, in digits of either kind or as eight bytes.

    Small ones are found in anything. There may be very many: a process that has run for long
    knows of other data too.
    """
    long = [key for key in keys if key > 1 << 40]
    written = {form: key for key in long for form in (b"%d" % key, b"%x" % key)}
    sizes = {len(form) for form in written}
    found = set()
    for digits in re.findall(rb"[0-9a-f]{11,}", text):
        for size in sizes:
            parts = (digits[at : at + size] for at in range(len(digits) - size + 1))
            found |= {written[part] for part in parts if part in written}
    sought = np.array(long, dtype="<u8")
    for offset in range(8):
        words = np.frombuffer(text, "<u8", (len(text) - offset) // 8, offset)
        found |= set(words[np.isin(words, sought)].tolist())
    return found


def held(store: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in store.rglob("*") if path.is_file()}


@pytest.mark.filterwarnings("ignore")
def test_nothing_of_the_data_is_in_any_file(store_path, monkeypatch):
    made: list[np.ndarray] = []
    of_table = row_keys._row_keys

    def noted(*args: object) -> object:
        found = of_table(*args)
        made.extend([found.keys] if found is not None else [])
        return found

    monkeypatch.setattr(row_keys, "_row_keys", noted)
    autotrack.enable(log_models=False, progress=False)
    work()
    runs = [autotrack.get_run(run_id) for run_id in autotrack.search_runs(children=True)["run_id"]]
    codes = {code for run in runs for code in run.findings()["code"]}
    assert {"AT101", "AT104", "AT107", "AT205", "AT301", "AT302"} <= codes
    assert autotrack.held_out_sets()["shares_rows"].any()
    best = [run.run_id for run in runs if "test_accuracy_score" in run.metrics][:2]
    autotrack.explain(*best)
    assert runs[0].card()
    keys = np.unique(np.concatenate(made))
    # Rows of a few plain values, such as labels, have keys as well; there is none of any kind.
    assert len(keys) > 500
    live = held(store_path)
    autotrack.disable()
    files = {**live, **{f"{name} closed": text for name, text in held(store_path).items()}}
    assert any(name.endswith("autotrack.db") for name in files)
    # Names of classes head the rows of a confusion matrix; they are no values of rows.
    planted: set[bytes] = {b"Zacharias", b"Quux", b"1871-03"}
    for value in (*PAY.tolist(), *HEIGHT.tolist()):
        planted |= forms(float(value))
    text = b"\0".join(files.values())
    assert not [value for value in planted if value in text]
    assert not keys_in(text, (*keys.tolist(), *row_keys._factors.tolist()))
    assert b"accuracy_score" in text  # what is looked through is what was written


def test_what_is_hunted_for_would_be_found(store_path):
    autotrack.enable(log_models=False)
    with autotrack.start_run():
        autotrack.log_param("pay", float(PAY[3]))
        autotrack.log_text(PEOPLE[7], "people.txt")
        key = 0xFEDCBA9876543210
        for form in (b"%d" % key, b"%x" % key, key.to_bytes(8, "little")):
            assert keys_in(b"...." + form + b".", [key, 1 << 50]) == {key}
    text = b"\0".join(held(store_path).values())
    assert any(form in text for form in forms(float(PAY[3])))
    assert any(form in text for form in forms(PEOPLE[7]))


@pytest.mark.filterwarnings("ignore")
def test_with_the_labels_as_texts_only_the_names_of_classes_are_kept(store_path):
    frame, y = people()
    labels = np.where(y == y.min(), "stayed", "left")
    autotrack.enable(log_models=False, progress=False)
    fitted = model(max_depth=2).fit(frame[:150], labels[:150])
    classification_report(labels[150:], fitted.predict(frame[150:]))
    autotrack.disable()
    text = b"\0".join(held(store_path).values())
    assert b"stayed" in text
    assert b"Zacharias" not in text
