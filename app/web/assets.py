"""Static files: one stylesheet made of its parts, hashed names, compressed once at start, cached for a year."""

import gzip
import hashlib
import os
import tempfile
from functools import partial
from pathlib import Path
from wsgiref.headers import Headers

from flask import Flask, redirect
from whitenoise import WhiteNoise

from app.adapters.lock import keep
from app.web.security import HEADERS, HSTS

#: The order in which the stylesheet's parts are joined; tokens first, because it declares the layers.
CSS = [
    "tokens",
    "reset",
    "base",
    "layout",
    "button",
    "field",
    "form",
    "sidebar",
    "message",
    "composer",
    "prose",
    "notes",
    "code",
    "notice",
    "doctor",
    "sheet",
    "events",
    "timeline",
    "compare",
    "usage",
    "utilities",
    "print",
]
_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
_IMMUTABLE = r"^.+\.[0-9a-f]{12}\..+$"


class _Folder(tempfile.TemporaryDirectory[str]):
    """A temporary folder that nobody cleans up meanwhile."""

    def __init__(self, *, prefix: str) -> None:
        super().__init__(prefix=prefix)
        self._lock = keep(self.name)

    def cleanup(self) -> None:
        """Delete it."""
        os.close(self._lock)
        super().cleanup()


def init_app(app: Flask, root: Path, *, is_secure: bool) -> None:
    """Serve ``root`` under hashed names; templates ask for them with ``static_url("app.css")``."""
    folder = _Folder(prefix="rill-static-")
    names = _build(root, Path(folder.name))
    app.extensions["rill-static"] = folder
    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]  # Flask's documented way to add middleware
        app.wsgi_app,
        root=folder.name,
        prefix="static/",
        immutable_file_test=_IMMUTABLE,
        allow_all_origins=False,
        max_age=3600,
        add_headers_function=partial(_harden, {"Strict-Transport-Security": HSTS} if is_secure else {}),
    )
    app.jinja_env.globals["static_url"] = lambda name: f"/static/{names[name]}"
    # Browsers ask for this one of pages that name no icon: of a file that is downloaded, for one.
    app.add_url_rule("/favicon.ico", "favicon", lambda: redirect(f"/static/{names['icon.svg']}", code=303))


def _build(root: Path, target: Path) -> dict[str, str]:
    files = {path.name: path.read_bytes() for path in sorted((root / "vendor").glob("*.js"))}
    files |= {path.name: path.read_bytes() for path in sorted(root.glob("*.svg"))}
    files |= {path.name: path.read_bytes() for path in sorted(root.glob("*.html"))}
    files["app.css"] = b"".join((root / "css" / f"{part}.css").read_bytes() for part in CSS)
    return {name: _write(target, name, content) for name, content in files.items()}


def _write(target: Path, name: str, content: bytes) -> str:
    stem, _dot, suffix = name.rpartition(".")
    hashed = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{suffix}"
    (target / hashed).write_bytes(content)
    (target / f"{hashed}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
    return hashed


def _harden(more: dict[str, str], headers: Headers, _path: str, _url: str) -> None:
    """Say of a file what is said of every page, and that it is not one."""
    for name, value in {**HEADERS, **more, "Content-Security-Policy": _POLICY}.items():
        headers[name] = value
