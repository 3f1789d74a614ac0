"""Headless Chromium, driven through chromedriver over plain HTTP (W3C WebDriver): no package but Debian's
`chromium` and `chromium-driver`, nothing but Python's own library, no network.

    with Chromium(width=390, height=844, dark=True) as page:
        page.open("/tmp/report/index.html")
        page.script("return document.title")
        page.click("#next"); page.keys("1")
        assert page.complaints() == []
"""

import base64
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

SWITCHES = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--disable-extensions",
    "--hide-scrollbars", "--force-color-profile=srgb",
]


def find():
    """The paths of Chromium and its driver; `None` if one is not there."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    driver = os.environ.get("CHROMEDRIVER") or shutil.which("chromedriver")
    return (chromium, driver) if chromium and driver else None


class Chromium:
    """One window of `width` x `height` CSS pixels, with a profile of its own that goes when it is closed."""

    def __init__(self, width=1280, height=900, dark=False, downloads=None):
        found = find()
        if not found:
            raise FileNotFoundError("no chromium and chromedriver: apt-get install chromium chromium-driver")
        chromium, driver = found
        self.profile = tempfile.mkdtemp(prefix="finegrain-chromium-")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.driver = subprocess.Popen(
            [driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self.url = f"http://127.0.0.1:{port}"
        self.session = None
        try:
            self._ready()
            options = {
                "binary": chromium,
                "args": [*SWITCHES, f"--user-data-dir={self.profile}", f"--window-size={width},{height}"],
            }
            if downloads:
                options["prefs"] = {"download.default_directory": str(downloads), "download.prompt_for_download": False}
            capabilities = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            made = self._call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
            self.session = f"/session/{made['sessionId']}"
            self.resize(width, height)
            if dark:
                features = [{"name": "prefers-color-scheme", "value": "dark"}]
                self.devtools("Emulation.setEmulatedMedia", features=features)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the window and the driver."""
        try:
            if self.session:
                self._call("DELETE", self.session)
        except OSError:
            pass
        self.driver.terminate()
        try:
            self.driver.wait(10)
        except subprocess.TimeoutExpired:
            self.driver.kill()
        shutil.rmtree(self.profile, ignore_errors=True)

    def open(self, page):
        """Opens a file, or an address that begins with a scheme, and waits until it is loaded."""
        text = str(page)
        address = text if "://" in text else pathlib.Path(text).resolve().as_uri()
        self._call("POST", f"{self.session}/url", {"url": address})

    def reload(self):
        """As the key F5."""
        self._call("POST", f"{self.session}/refresh", {})

    def script(self, source, *arguments):
        """Runs the body of a JavaScript function in the page and gives what it returns."""
        return self._call("POST", f"{self.session}/execute/sync", {"script": source, "args": list(arguments)})

    def wait(self, source, seconds=10):
        """Waits until a script returns something true, and gives that."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := self.script(source):
                return found
            time.sleep(0.05)
        raise TimeoutError(f"never true within {seconds} s: {source}")

    def click(self, selector):
        """Clicks the first element that a CSS selector names, as a mouse would: it must be seen."""
        found = self._call("POST", f"{self.session}/element", {"using": "css selector", "value": selector})
        self._call("POST", f"{self.session}/element/{next(iter(found.values()))}/click", {})

    def keys(self, text):
        """Presses keys, one after the other, wherever the focus is."""
        presses = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        actions = {"actions": [{"type": "key", "id": "keyboard", "actions": presses}]}
        self._call("POST", f"{self.session}/actions", actions)

    def resize(self, width, height):
        """Gives the page that many CSS pixels, narrower than a window may be."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def screenshot(self, path, whole=True, width=None):
        """Writes a PNG of the whole page, or of what the window shows."""
        clip = {}
        if whole:
            height = self.script("return Math.ceil(document.documentElement.scrollHeight)")
            width = width or self.script("return window.innerWidth")
            clip = {"clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}, "captureBeyondViewport": True}
        shot = self.devtools("Page.captureScreenshot", format="png", **clip)
        pathlib.Path(path).write_bytes(base64.b64decode(shot["data"]))

    def pdf(self, path):
        """Prints the page."""
        printed = self.devtools("Page.printToPDF", printBackground=True)
        pathlib.Path(path).write_bytes(base64.b64decode(printed["data"]))

    def devtools(self, command, **parameters):
        """One command of the DevTools protocol."""
        return self._call("POST", f"{self.session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def complaints(self):
        """What the console says since the last call: warnings, errors, requests that failed."""
        entries = self._call("POST", f"{self.session}/se/log", {"type": "browser"})
        return [f"{entry['level']}: {entry['message']}" for entry in entries if entry["level"] in ("WARNING", "SEVERE")]

    def _ready(self):
        end = time.monotonic() + 30
        while True:
            try:
                if self._call("GET", "/status")["ready"]:
                    return
            except OSError:
                if time.monotonic() > end or self.driver.poll() is not None:
                    raise
            time.sleep(0.05)

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        # The driver is on this machine: a proxy of the environment is not asked.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.loads(error.read().decode())["value"]
            raise RuntimeError(f"{path}: {value.get('error')}: {value.get('message')}") from None
