"""Small packages for the tests of sides: as a checkout with a build backend of its own, and as wheels. No network."""

import hashlib
import os
import subprocess
import zipfile
from pathlib import Path

BACKEND = """
import pathlib, zipfile

def build_wheel(directory, config_settings=None, metadata_directory=None):
    if pathlib.Path("broken").exists():
        raise SystemExit("no compiler for broken")
    version = pathlib.Path("VERSION").read_text().strip()
    requires = pathlib.Path("REQUIRES").read_text()
    name = f"tiny_side-{version}-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(directory, name), "w") as wheel:
        for each in sorted(pathlib.Path("tiny_side").iterdir()):
            wheel.writestr(zipfile.ZipInfo(str(each)), each.read_bytes())
        about = f"tiny_side-{version}.dist-info"
        what = f"Name: tiny-side\\nVersion: {version}"
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\\n{what}\\n{requires}")
        pure = "Root-Is-Purelib: true\\nTag: py3-none-any"
        wheel.writestr(f"{about}/WHEEL", f"Wheel-Version: 1.0\\nGenerator: own\\n{pure}\\n")
        wheel.writestr(f"{about}/RECORD", "")
    return name
"""
SERVER = """
import argparse, socketserver, tomllib
parser = argparse.ArgumentParser()
parser.add_argument("--host")
parser.add_argument("--port", type=int)
FLAGS
answer = tomllib.load(open("contract.toml", "rb"))["user"]["answer"].encode()
given = parser.parse_args()

class Handler(socketserver.StreamRequestHandler):
    timeout = 0.1

    def handle(self):
        head = b""
        try:
            while piece := self.request.recv(1 << 20):
                head += piece
                if head.endswith((b"}", b"\\r\\n\\r\\n")):
                    break
        except OSError:
            pass
        good = head.startswith(b"POST / ")
        self.wfile.write(answer if good else b"HTTP/1.1 STATUS x\\r\\ncontent-length: 0\\r\\n\\r\\n")

socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer((given.host, given.port), Handler).serve_forever()
"""
LAYERS = """
[asgi]
command = "{python} -m uvicorn {app} --host {host} --port {port} --no-date-header --no-server-header --log-level error"
[layers.tiny]
adds = "a package's own app"
app = "tiny_side.app:app"
versions = ["tiny-side", "msgspec"]
[layers.plain]
adds = "an app that does not use it"
app = "servers.uvicorn_app:app"
[ladders.default]
adds = "both"
layers = ["plain", "tiny"]
"""
APP = """
from servers.uvicorn_app import app as inner
from tiny_side.work import work

async def app(scope, receive, send):
    work()
    await inner(scope, receive, send)
"""
WORK = "def work():\n    return sum([len(str(each)) for each in range(300)])\n"
MORE = "def helper():\n    return [each for each in range(20)]\n\n"
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def git(folder: Path, *words: str) -> str:
    """What git prints, as an author of its own, on a fixed day."""
    who = {f"GIT_{who}_{what}": f"{what}@x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    when = {"GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}
    environment = {**os.environ, **who, **when, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", "-C", folder, "-c", "protocol.file.allow=always", *words], env=environment, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def commit(folder: Path, subject: str, name: str, text: str) -> None:
    """Commit a module of the package, which is new or has changed."""
    (folder / "tiny_side" / name).write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", subject)


def serve_with(folder: Path, flags: str = "", status: int = 404) -> None:
    """Write the package's server, with these further flags, and with this status for what it does not know."""
    more = "\n".join(f'parser.add_argument("{flag}")' for flag in flags.split())
    (folder / "tiny_side" / "__main__.py").write_text(SERVER.replace("FLAGS", more).replace("STATUS", str(status)))


def checkout(folder: Path, requires: str = "") -> Path:
    """A clone of a package, one commit ahead of where it left origin's main branch."""
    origin, clone = folder / "origin", folder / "clone"
    (origin / "tiny_side").mkdir(parents=True)
    for name, text in (
        ("backend.py", BACKEND),
        ("pyproject.toml", PYPROJECT),
        ("VERSION", "1.0"),
        ("REQUIRES", requires),
    ):
        (origin / name).write_text(text)
    (origin / ".gitignore").write_text("*.ignored\n")
    (origin / "tiny_side" / "__init__.py").write_text("STATE = 'base'\n")
    serve_with(origin)
    git(origin, "init", "--quiet", "--initial-branch=trunk")
    git(origin, "add", ".")
    git(origin, "commit", "--quiet", "-m", "base")
    git(folder, "clone", "--quiet", str(origin), str(clone))
    (clone / "tiny_side" / "__init__.py").write_text("STATE = 'head'\n")
    git(clone, "commit", "--quiet", "-am", "head")
    (origin / "later").touch()
    git(origin, "add", ".")
    git(origin, "commit", "--quiet", "-m", "later")
    git(clone, "fetch", "--quiet")
    return clone


def wheel(folder: Path, name: str, version: str, *requires: str) -> Path:
    """A wheel of a package with one module, which says its version."""
    about, path = f"{name}-{version}.dist-info", folder / f"{name}-{version}-py3-none-any.whl"
    lines = "".join(f"Requires-Dist: {each}\n" for each in requires)
    files = {
        f"{name}/__init__.py": f"VERSION = '{version}'\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{lines}",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: own\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file), text)
    return path


def state(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file of a checkout, and of its git directory: when it changed, and what is in it.

    Not when an object of git's changed: git marks those anew that it would have written.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    times = {path: 0 if "objects" in path.parts else path.stat().st_mtime_ns for path in files}
    return {str(path): (times[path], hashlib.sha256(path.read_bytes()).hexdigest()) for path in files}
