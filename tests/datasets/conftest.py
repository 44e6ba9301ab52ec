"""Small files and a local server for the tests of the datasets."""

import gzip
import http.server
import socket
import struct
import threading
import tracemalloc
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

CODES = {"uint8": 8, "int8": 9, "int16": 0xB, "int32": 0xC, "float32": 0xD, "float64": 0xE}


def idx_bytes(array):
    """An IDX file's bytes, written without idx2numpy."""
    array = np.asarray(array)
    header = bytes([0, 0, CODES[array.dtype.name], array.ndim])
    lengths = struct.pack(f">{array.ndim}I", *array.shape)
    return header + lengths + array.astype(array.dtype.newbyteorder(">")).tobytes()


def made_up(n, seed):
    """`n` images (n, 28, 28) that differ from their transpose, and labels (n,)."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (n, 28, 28), np.uint8)
    return images, random.integers(0, 10, n, np.uint8)


@pytest.fixture
def to_idx():
    return idx_bytes


@pytest.fixture
def pairs():
    """A tiny training pair and test pair."""
    return made_up(7, 1), made_up(3, 2)


@pytest.fixture
def write_files():
    """Write both pairs' four IDX files into a folder, under a name pattern; return the folder."""

    def write(folder, pairs, parts, pattern="{stem}-idx{axes}-ubyte.gz"):
        for part, (images, labels) in zip(parts, pairs, strict=True):
            for kind, array in (("images", images), ("labels", labels)):
                stem = f"{part}-{kind}"
                path = Path(folder) / pattern.format(stem=stem, axes=array.ndim)
                path.parent.mkdir(parents=True, exist_ok=True)
                data = idx_bytes(array)
                path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
        return Path(folder)

    return write


@pytest.fixture
def peak_memory():
    """A context that measures the most bytes allocated inside it."""

    @contextmanager
    def measure():
        peak = []
        tracemalloc.start()
        try:
            yield peak
        finally:
            peak.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()

    return measure


class Server:
    """A server on this machine that answers each path as `answers` says; `asked` has what came."""

    def __init__(self):
        self.answers = {}
        self.asked = []
        self.release = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append((self.path, self.headers.get("Accept-Encoding")))
                how, data = outer.answers.get(self.path, ("missing", b""))
                if how == "missing":
                    self.send_error(404)
                    return
                self.send_response(200)
                if how != "no length":
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data if how in ("whole", "no length") else data[: len(data) // 2])
                self.wfile.flush()
                if how == "stall":
                    outer.release.wait(20)

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()

    def give(self, name, data, how="whole"):
        """Answer `name` with the whole data, or `cut` it, or `stall` in its middle."""
        self.answers["/" + name] = (how, data)
        return self.url + name

    def close(self):
        self.release.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server = Server()
    yield server
    server.close()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The cache's home, empty."""
    monkeypatch.setenv("MINIDL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def closed_port():
    """An address on this machine at which nothing answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}/data.gz"
