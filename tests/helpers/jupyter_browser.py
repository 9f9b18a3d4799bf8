"""A Jupyter server of the test's own, and a browser that works in one of its notebooks."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat

from tests.helpers import ROOT

PHOTO = ROOT / "notebooks" / "images" / "hands.jpg"
AXE = "4.14.1"  # axe-core's version
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# The user's own settings stay out: Jupyter looks for its files in these folders of the test's home.
FOLDERS = (
    *("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"),
    *("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"),
)
PATIENCE = 240_000  # milliseconds: a kernel that imports TensorFlow on a busy machine
ASKED = "document.querySelector('.jp-Dialog') !== null"  # which kernel to take
RUNNING = r"""[...document.querySelectorAll('.jp-InputPrompt')]
    .some(prompt => /\[[*\d]+\]/.test(prompt.innerText))"""
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false"},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}


def find_browser():
    """The system's browser, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def axe_script():
    """The script of axe-core, which judges pages; from npm once, then from the cache; or None."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "openpose_keras_tests")
    archive = cache / f"axe-core-{AXE}.tgz"
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", f"axe-core@{AXE}", "--silent"]
        try:  # npm checks what it has fetched, and writes the file when it is whole
            subprocess.run(command, cwd=cache, timeout=60, check=True, capture_output=True)
        except (OSError, subprocess.SubprocessError):
            return None
    with tarfile.open(archive) as files:
        return files.extractfile("package/axe.min.js").read().decode()


def set_theme(page, name):
    """Choose a theme in the menu, such as "JupyterLab Dark"; the page is wide enough for it."""
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.locator(".lm-Menu-itemLabel", has_text="Theme").first.hover()
    page.get_by_text(name, exact=True).click()
    is_light = "true" if name == "JupyterLab Light" else "false"
    page.wait_for_function("x => document.body.dataset.jpThemeLight === x", arg=is_light)


def write_notebook(folder, code, *, name="explore.ipynb", photo=PHOTO):
    """Make a notebook of one cell in a folder, and the photo that it may use."""
    folder.mkdir(exist_ok=True)
    shutil.copy(photo, folder)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, folder / name)


@contextmanager
def jupyter_server(folder):
    """Serve a folder on 127.0.0.1, with no settings of the user's; yield the address and token."""
    home = folder.parent / "jupyter_home"
    for name, values in SETTINGS.items():
        path = home / "JUPYTERLAB_SETTINGS_DIR" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": folder,
        "IdentityProvider.token": token,
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--{name}={value}" for name, value in options.items()]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, **{name: str(home / name) for name in FOLDERS}}
    environment |= {"PYTHONPATH": os.pathsep.join(paths), "TF_CPP_MIN_LOG_LEVEL": "3"}
    log = folder.parent / "server.log"
    with log.open("w") as out:
        server = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(server, f"{address}/api", log)
        yield address, token
    finally:
        server.terminate()
        server.wait(60)


def _wait(server, address, log):
    """Wait until the server answers."""
    for _ in range(PATIENCE // 500):
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.5)
    raise RuntimeError(f"the Jupyter server did not start:\n{log.read_text()[-3000:]}")


@contextmanager
def open_page(width=1200, height=1000):
    """A page of a headless browser that has been downloaded by nobody but the system."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # A container's root user cannot use the sandbox, and its /dev/shm is small.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=find_browser(), args=arguments)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(PATIENCE)
        try:
            yield page
        finally:
            browser.close()


class Watcher:
    """Keeps what a page complains of, and what it asks of other machines."""

    def __init__(self, page):
        self.errors, self.strangers = [], []
        page.on("console", lambda each: each.type == "error" and self.errors.append(each.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._request)

    def _request(self, request):
        if not request.url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")):
            self.strangers.append(request.url)


def run_all(page, address):
    """Open a notebook and run all of its cells; return a watcher of the page."""
    heard = []  # from the kernel

    def listen(socket):
        if "/channels" in socket.url:
            socket.on("framereceived", lambda frame: heard.append(socket.url))

    page.on("websocket", listen)
    page.goto(address)
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    for _ in range(600):
        if heard:  # before that Jupyter asks which kernel to take, see below
            break
        page.wait_for_timeout(100)
    watcher = Watcher(page)
    for _ in range(5):
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        page.wait_for_function(f"() => {ASKED} || {RUNNING}")
        if page.evaluate(f"() => !({ASKED})"):
            return watcher
        page.locator(".jp-Dialog button", has_text="Select").click()
        page.wait_for_timeout(2000)
        if page.evaluate(f"() => {RUNNING}"):
            return watcher
    raise RuntimeError("the notebook found no kernel")
