"""Who may look at the pages and change things, and what pages may load."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest


def test_every_answer_forbids_scripts_and_styles_in_the_page_and_everything_from_elsewhere(served):
    for path in ("/runs", "/static/style.css", "/no-such-page", "/complete?family=params"):
        policy = served.ask(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy


def test_an_answer_is_no_other_type_than_it_says_and_in_nobodys_frame(served):
    headers = served.ask("/runs").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_a_name_that_is_not_the_servers_is_refused(served, host):
    assert served.ask("/runs", headers={"Host": host}).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_of_another_site_changes_nothing(served, headers):
    assert served.ask("/sign-in", {"token": "x"}, headers=headers).status == 403


def test_a_port_of_this_machine_that_is_another_servers_is_another_site(served):
    other = {"Origin": f"http://127.0.0.1:{served.port + 1}"}
    assert served.ask("/runs", headers=other).status == 403
    assert served.ask("/runs", headers={"Origin": served.address}).status == 200


def test_with_a_token_nothing_is_shown_without_it(filled, serve):
    guarded = serve(filled, "--token", "a long secret")
    bare = guarded.address.partition("?")[0].rstrip("/")
    assert bare.startswith("http://127.0.0.1")
    for path in ("/", "/runs", "/complete?family=params"):
        answer = guarded.ask(path)
        assert answer.status == 303
        assert answer.headers["location"] == "/sign-in"
    assert guarded.ask("/sign-in").status == 401
    assert guarded.ask("/runs?token=wrong").headers["location"] == "/sign-in"
    assert guarded.ask("/sign-in", {"token": "wrong"}).status == 401
    assert guarded.ask("/any", {"a": "b"}).status == 401


def test_the_token_in_the_address_or_the_form_becomes_a_cookie_that_scripts_cannot_read(
    filled, serve
):
    guarded = serve(filled, "--token", "a long secret")
    by_address = guarded.ask("/runs?where=&token=a+long+secret")
    by_form = guarded.ask("/sign-in", {"token": "a long secret"})
    assert by_address.headers["location"] == "/runs?where="
    for answer in (by_address, by_form):
        assert answer.status == 303
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert "secret" not in cookie
        shown = guarded.ask("/runs", headers={"Cookie": cookie.partition(";")[0]})
        assert shown.status == 200
    bearer = guarded.ask("/runs", headers={"Authorization": "Bearer a long secret"})
    assert bearer.status == 200


def test_an_address_that_begins_with_two_slashes_leads_to_no_other_host(filled, serve):
    guarded = serve(filled, "--token", "a long secret")
    answer = guarded.ask("//evil.example/?token=a+long+secret")
    assert answer.headers["location"] == "/evil.example/"


def test_an_address_for_others_asks_for_a_token_by_itself(filled, serve):
    shared = serve(filled, "--host", "0.0.0.0")
    token = re.search(r"\?token=(\S+)", shared.address)
    assert token
    assert len(token[1]) >= 24
    assert shared.ask("/runs").status == 303
    assert shared.ask("/runs", headers={"Authorization": f"Bearer {token[1]}"}).status == 200


def test_a_short_token_is_refused(filled):
    done = subprocess.run(
        [sys.executable, "-m", "autotrack", "ui", "--token", "short", "--store", str(filled)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "fewer than 8 characters" in done.stderr


def test_a_store_that_is_not_there_is_an_error_and_is_not_made(tmp_path):
    missing = tmp_path / "none"
    done = subprocess.run(
        [sys.executable, "-m", "autotrack", "ui", "--store", str(missing)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "there is no store" in done.stderr
    assert not missing.exists()


def test_a_page_that_is_not_there_says_so_and_leads_on(served):
    answer = served.ask("/no-such-page")
    assert answer.status == 404
    assert "There is no such page" in answer.text
    assert 'href="/runs"' in answer.text


def test_pages_load_no_scikit_learn(run_python):
    run_python(
        code="import sys, autotrack.web.app; "
        "assert not {'sklearn', 'pandas', 'scipy'} & set(sys.modules)"
    )


def test_without_the_extra_the_command_says_what_to_install(filled, run_python):
    for missing in ("jinja2", "starlette"):
        done = run_python(
            "ui",
            code=f"import sys; sys.modules[{missing!r}] = None\n"
            "from autotrack.cli import main; main()",
            check=False,
            AUTOTRACK_STORE=str(filled),
        )
        assert done.returncode == 5
        assert f"the pages need {missing}: pip install 'sklearn-autotrack[ui]'" in done.stderr
