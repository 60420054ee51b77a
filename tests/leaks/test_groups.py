"""Groups that a program names are known again where its rows are fitted and scored."""

from __future__ import annotations

import inspect
import types

import numpy as np
import pytest
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    StratifiedGroupKFold,
    cross_val_score,
    cross_validate,
    train_test_split,
)
from sklearn.tree import DecisionTreeClassifier

import autotrack

random = np.random.default_rng(0)
GROUPS = np.repeat(np.arange(40), 5)
X = random.normal(size=(200, 3))
y = (random.normal(size=200) > 0).astype(int)
TREE = DecisionTreeClassifier(max_depth=3, random_state=0)


def split(by):
    return lambda: list(by.split(X, y, GROUPS))


GIVEN = {
    "cross_val_score": lambda: cross_val_score(TREE, X, y, groups=GROUPS, cv=GroupKFold(4)),
    "cross_validate": lambda: cross_validate(TREE, X, y, groups=GROUPS, cv=GroupKFold(4)),
    "GridSearchCV": lambda: GridSearchCV(TREE, {"max_depth": [1, 2]}, cv=GroupKFold(2)).fit(
        X, y, groups=GROUPS
    ),
    "GroupKFold.split": split(GroupKFold(4)),
    "StratifiedGroupKFold.split": split(StratifiedGroupKFold(4)),
    "LeaveOneGroupOut.split": split(LeaveOneGroupOut()),
    "GroupShuffleSplit.split": lambda: list(GroupShuffleSplit(1).split(X, groups=GROUPS)),
}


@pytest.mark.parametrize("given", GIVEN)
def test_groups_given_to_a_call_are_known_in_a_split_without_them(given, tracking):
    GIVEN[given]()
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    DecisionTreeClassifier(random_state=1).fit(X_train, y_train).score(X_test, y_test)
    (found,) = autotrack.last_run().findings().to_dict("records")
    assert found["code"] == "AT107"
    assert found["evidence"]["given"] == given
    assert found["evidence"]["of"] == len(X_test)


def test_a_split_by_these_groups_has_none_on_both_sides(tracking):
    train, test = next(GroupShuffleSplit(1, random_state=0).split(X, y, GROUPS))
    TREE.fit(X[train], y[train]).score(X[test], y[test])
    assert autotrack.last_run().findings().empty


def test_a_validation_without_the_known_groups_is_found_and_told_once(tracking, capsys):
    cross_val_score(TREE, X, y, groups=GROUPS, cv=GroupKFold(4))
    assert autotrack.last_run().findings().empty
    cross_val_score(TREE, X, y, cv=KFold(4, shuffle=True, random_state=0))
    assert autotrack.last_run().findings()["code"].tolist() == ["AT107"]
    (line,) = capsys.readouterr().err.splitlines()
    assert "AT107" in line


def test_groups_of_other_rows_say_nothing(tracking):
    list(GroupKFold(4).split(X + 1.0, y, GROUPS))
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    TREE.fit(X_train, y_train).score(X_test, y_test)
    assert autotrack.last_run().findings().empty


def test_equal_rows_of_several_groups_are_of_none(tracking):
    rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 100, axis=0)
    list(GroupKFold(4).split(rows, y, np.tile(GROUPS[:100], 2)))
    TREE.fit(rows[::2], y[::2]).score(rows[1::2], y[1::2])
    assert "AT107" not in set(autotrack.last_run().findings()["code"])


def test_splitters_split_as_without_tracking_and_are_put_back():
    def what():
        by = GroupShuffleSplit(2, random_state=0)
        made = by.split(X, y, groups=GROUPS)
        kind = type(made)
        return kind, [tuple(map(tuple, pair)) for pair in made]

    before, function = what(), GroupKFold.__dict__["split"]
    with autotrack.enable(log_models=False):
        assert what() == before
        assert before[0] is types.GeneratorType
        assert inspect.signature(GroupKFold.split) == inspect.signature(function)
        with pytest.raises(ValueError, match="groups"):
            list(GroupKFold(3).split(X, y))
    assert GroupKFold.__dict__["split"] is function
