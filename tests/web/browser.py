"""A real Chromium without a window, driven through a pipe.

What tests ask of it is a dozen commands of the DevTools protocol, so it needs no driver: the wheel
of playwright is 53 MB with a Node.js in it, selenium wants a driver of the browser's own version.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.waiting import PATIENCE, wait_until

AXE = Path(__file__).with_name("axe") / "axe.min.js"
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def executable() -> str | None:
    """The browser of this machine."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One browser; each page is a window of its own, with storage of its own."""

    def __init__(self) -> None:
        found = executable()
        assert found, "chromium is not installed"
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()

        def connect() -> None:
            # The browser reads commands from 3 and answers on 4.
            os.dup2(to_read, 30)
            os.dup2(from_write, 40)
            os.dup2(30, 3)
            os.dup2(40, 4)

        flags = [
            "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu",
            "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking",
            "--disable-component-update", "--disable-default-apps", "--disable-sync",
            "--disable-extensions", "--hide-scrollbars", "--force-color-profile=srgb",
            f"--user-data-dir={self._profile}",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            [found, *flags, "about:blank"],
            pass_fds=(3, 4, to_read, from_write),
            preexec_fn=connect,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(from_write)
        self._out = to_write
        self._in = from_read
        self._answers: dict[int, dict[str, Any]] = {}
        self._pages: dict[str, Page] = {}
        self._arrived = threading.Condition()
        self._number = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        pending = b""
        while True:
            try:
                received = os.read(self._in, 1 << 20)
            except OSError:
                return
            if not received:
                return
            *messages, pending = (pending + received).split(b"\0")
            with self._arrived:
                for message in map(json.loads, messages):
                    if "id" in message:
                        self._answers[message["id"]] = message
                    elif (page := self._pages.get(message.get("sessionId", ""))) is not None:
                        page.heard(message["method"], message["params"])
                self._arrived.notify_all()

    def ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and wait for the answer."""
        with self._arrived:
            self._number += 1
            number = self._number
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        with self._arrived:
            assert self._arrived.wait_for(lambda: number in self._answers, PATIENCE), method
            answer = self._answers.pop(number)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def page(self, *, width: int = 1440, height: int = 900, dark: bool = False) -> Page:
        """A new window."""
        context = self.ask("Target.createBrowserContext")["browserContextId"]
        target = self.ask("Target.createTarget", url="about:blank", browserContextId=context)
        session = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = Page(self, session["sessionId"], context)
        self._pages[session["sessionId"]] = page
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.ask(f"{domain}.enable")
        page.ask("Page.setLifecycleEventsEnabled", enabled=True)
        page.look(width=width, height=height, dark=dark)
        return page

    def close(self) -> None:
        """End the browser."""
        with contextlib.suppress(OSError):
            os.close(self._out)
        self._process.terminate()
        self._process.wait(30)
        with contextlib.suppress(OSError):
            os.close(self._in)
        shutil.rmtree(self._profile, ignore_errors=True)


class Page:
    """A window. `problems` has what its console complained of, `requests` what it asked for."""

    def __init__(self, browser: Browser, session: str, context: str) -> None:
        self._browser = browser
        self._session = session
        self._context = context
        self.problems: list[str] = []
        self.requests: list[str] = []
        self.dialogs: list[str] = []
        self._loaded: list[str] = []

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command to this window."""
        return self._browser.ask(method, self._session, **params)

    def heard(self, method: str, params: dict[str, Any]) -> None:
        """Take down what the browser reports."""
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.problems.append(str(details.get("exception", {}).get("description", details)))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.problems.append(str(params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.problems.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Page.javascriptDialogOpening":
            self.dialogs.append(params["message"])
        elif method == "Page.lifecycleEvent" and params["name"] == "load":
            self._loaded.append(params["loaderId"])

    def look(self, *, width: int, height: int = 900, dark: bool = False) -> None:
        """Change the size of the window, and whether the system is dark."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=False)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, address: str) -> None:
        """Go to an address and wait for the page."""
        loader = self.ask("Page.navigate", url=address)["loaderId"]
        wait_until(lambda: loader in self._loaded, f"the page {address}")

    def loaded(self, act: str) -> None:
        """Run a script that leads to another page, and wait for that."""
        before = len(self._loaded)
        self.run(act)
        wait_until(lambda: len(self._loaded) > before, f"the page after {act}")

    def run(self, script: str) -> Any:
        """What an expression gives; of a promise what it is kept with."""
        answer = self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script: str) -> Any:
        """Wait until an expression is true."""
        return wait_until(lambda: self.run(script), script)

    def text(self, selector: str = "main") -> str:
        """What can be read in an element."""
        return str(self.run(f"document.querySelector({json.dumps(selector)}).innerText"))

    def press(self, key: str, code: int = 0, text: str = "") -> None:
        """Press a key."""
        which = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **which)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **which)

    def write(self, text: str) -> None:
        """Write into what has the focus."""
        self.ask("Input.insertText", text=text)

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """Take a picture of the page."""
        answer = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))

    def violations(self) -> list[str]:
        """What axe-core finds that keeps people out: serious and critical, by WCAG 2.1 AA."""
        if not self.run("typeof axe === 'object'"):
            self.run(AXE.read_text("utf-8") + "\n;true")
        found = self.run(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})"
            ".then(r => r.violations.filter(v => ['serious', 'critical'].includes(v.impact))"
            ".flatMap(v => v.nodes.map(n => v.id + ': ' + n.html.slice(0, 200) + ' '"
            " + (n.any[0]?.message || ''))))"
        )
        return list(found)

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(self.run("document.documentElement.scrollWidth - innerWidth"))

    def close(self) -> None:
        """Close the window."""
        self._browser._pages.pop(self._session, None)
        self._browser.ask("Target.disposeBrowserContext", browserContextId=self._context)


@contextlib.contextmanager
def opened() -> Iterator[Browser]:
    """A browser for as long as a block lasts."""
    browser = Browser()
    try:
        yield browser
    finally:
        browser.close()


def pause(seconds: float) -> None:
    """Let the page's own clock go on."""
    time.sleep(seconds)
