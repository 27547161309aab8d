"""Serve the built site: python lite/serve.py

Files go out compressed where the browser takes that, and the browser asks again only for what may change: names with
a hash or a version in them are kept for good, the rest is compared by its mark (ETag).

For a classroom: python lite/serve.py --host 0.0.0.0. A browser gives saved files only to https or to localhost; put an
https server in front, see docs/workshop.md.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import mimetypes
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

SITE = Path(__file__).resolve().parents[1] / "build" / "lite" / "site"
TYPES = {
    ".wasm": "application/wasm",
    ".mjs": "text/javascript",
    ".js": "text/javascript",
    ".json": "application/json",
    ".ipynb": "application/x-ipynb+json",
    ".whl": "application/octet-stream",
    ".webmanifest": "application/manifest+json",
}
NAMED_BY_CONTENT = re.compile(r"[.-][0-9a-f]{16,}\.|-[0-9][\w.]*-py[23][\w.]*-none-any\.whl$")
PACKED = {".whl", ".zip", ".png", ".jpg", ".woff", ".woff2", ".gz"}  # these do not get smaller


class Site(BaseHTTPRequestHandler):
    """Static files of `folder` below the path `base`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    folder: Path = SITE
    base = "/"
    sent: list[tuple[str, int]]  # (path, bytes of the body) of each answer

    def do_GET(self) -> None:
        """A file, "not changed", or 404."""
        path = self.file()
        if path is None:
            return self.answer(404, b"There is no such file on this site.", {"Content-Type": "text/plain"})
        packed = path.suffix not in PACKED and "gzip" in self.headers.get("Accept-Encoding", "")
        body, mark = content(path, path.stat().st_mtime_ns, packed)
        stays = NAMED_BY_CONTENT.search(path.name)
        kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        headers = {
            "Content-Type": kind,
            "ETag": mark,
            "Cache-Control": "public, max-age=31536000, immutable" if stays else "no-cache",
            "Vary": "Accept-Encoding",
        }
        if self.headers.get("If-None-Match") == mark:
            return self.answer(304, b"", headers)
        self.answer(200, body, {**headers, **({"Content-Encoding": "gzip"} if packed else {})})

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """No POST, said in a way that JupyterLite's file system understands as "not here"."""
        self.close_connection = True
        self.answer(405, b"This server only sends files.", {"Content-Type": "text/plain"})

    def file(self) -> Path | None:
        """The file that is asked for; None for one that is not there or lies outside the site."""
        asked = unquote(urlsplit(self.path).path)
        if not asked.startswith(self.base):
            return None
        path = (self.folder / asked[len(self.base) :]).resolve()
        if path.is_dir():
            path = path / "index.html"
        return path if path.is_file() and path.is_relative_to(self.folder.resolve()) else None

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """Send one answer and note its size."""
        self.sent.append((self.path, len(body)))
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the browser has gone

    def log_message(self, *args: object) -> None:
        """Silent: a page asks for 150 files."""


@lru_cache(maxsize=4096)
def content(path: Path, changed: int, packed: bool) -> tuple[bytes, str]:
    """(body, mark) of a file, compressed once."""
    data = path.read_bytes()
    body = gzip.compress(data, 6, mtime=0) if packed else data
    return body, f'"{hashlib.sha256(data).hexdigest()[:20]}{"-gzip" if packed else ""}"'


class Server(ThreadingHTTPServer):
    """Many browsers may ask at once."""

    daemon_threads = True
    request_queue_size = 128


@contextmanager
def serving(site: Path = SITE, host: str = "127.0.0.1", port: int = 0, base: str = "/") -> Iterator[Server]:
    """A running server; `server.RequestHandlerClass.sent` lists what it sent. Port 0 takes a free one."""
    handler = type("Handler", (Site,), {"folder": site, "base": base, "sent": []})
    server = Server((host, port), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def main() -> None:
    """Serve until Ctrl+C."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--site", type=Path, default=SITE, help="the built site")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 for the whole network")
    parser.add_argument("--port", type=int, default=8000)
    chosen = parser.parse_args()
    if not (chosen.site / "index.html").is_file():
        sys.exit(f"There is no site in {chosen.site}: build it with python lite/build.py")
    try:
        with serving(chosen.site.resolve(), chosen.host, chosen.port):
            print(f"http://{chosen.host}:{chosen.port}/lab/index.html?path=notebooks/00_start_here.ipynb", flush=True)
            print("Stop with Ctrl+C.", flush=True)
            threading.Event().wait()
    except OSError as error:
        sys.exit(f"Cannot serve on {chosen.host}:{chosen.port}: {error.strerror}. Take another --port.")
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()
