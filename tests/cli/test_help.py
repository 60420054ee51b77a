"""`autotrack help CODE` explains a kind of finding, as FINDINGS.md does."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from autotrack.analysis.evidence.catalogue import KINDS
from autotrack.cli import main

PAGE = Path(__file__).resolve().parents[2] / "FINDINGS.md"


def test_a_code_is_explained():
    said = CliRunner().invoke(main, ["help", "at104"]).output
    assert KINDS["AT104"].title in said
    assert "GroupShuffleSplit" in said
    assert all(code in CliRunner().invoke(main, ["help"]).output for code in KINDS)


def test_an_unknown_code_is_an_error_that_names_the_known():
    done = CliRunner().invoke(main, ["help", "AT999"])
    assert done.exit_code == 1
    assert "AT104" in done.output


@pytest.mark.skipif(not PAGE.exists(), reason="needs the checkout")
def test_the_page_has_every_kind():
    page = PAGE.read_text("utf-8")
    for kind in KINDS.values():
        assert f"## {kind.code}: {kind.title}" in page
        assert kind.why in page
        assert kind.remedy in page
