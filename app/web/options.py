"""Administration of what is offered: models, features, prompts, notices, and the switch for maintenance."""

import logging
from typing import Any

from flask import Blueprint, Flask, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.adapters.clock import now
from app.chat import choices, presets
from app.chat import options as chat
from app.core.errors import NotFound, RillError
from app.web import administration, htmx
from app.web.services import services

log = logging.getLogger(__name__)

bp = administration.guard(Blueprint("options", __name__, url_prefix="/admin/options"))

#: The parts of the page: what each form holds, as it is said when it was saved.
PARTS = {
    "models": "Models: saved.",
    "features": "Features: saved.",
    "prompt": "System prompt: saved.",
    "presets": "Presets: saved.",
    "notice": "Notice: saved.",
    "pause": "New replies: saved.",
}
_PAUSE = "Rill is being looked after and takes no new messages for a while. Your text is kept; send it again later."


def init_app(app: Flask) -> None:
    """Have every page say what is to be said on top of all."""
    app.context_processor(lambda: {"banners": banners})


def banners() -> list[str]:
    """Give the sentences on top of every page; none where nobody can know them."""
    try:
        return services().options.get().banners(now().date())
    except Exception as error:  # pages that say what is wrong are shown, too
        log.warning("options.not_read", extra={"error": type(error).__name__})
        return []


@bp.get("")
def index() -> tuple[str, int]:
    """Show what is offered, a form for each part."""
    return _page(request.args.get("saved", ""))


@bp.post("/<part>")
def update(part: str) -> tuple[str, int] | BaseResponse:
    """Change a part of what is offered."""
    if part not in _READ:
        raise NotFound("There is no such part.")
    given = _READ[part]()
    built = services()
    try:
        built.db.write(chat.write, administration.actor(), built.settings, given)
    except RillError as error:
        return _page(part, notice=error, given=given)
    return _saved(part)


@bp.post("/presets")
def add() -> tuple[str, int] | BaseResponse:
    """Add a preset."""
    given = _preset()
    try:
        services().db.write(presets.add, administration.actor(), **given)
    except RillError as error:
        return _page("presets", notice=error, preset={"id": "", **given})
    return _saved("presets")


@bp.post("/presets/<id>")
def change(id: str) -> tuple[str, int] | BaseResponse:
    """Change a preset."""
    given = _preset()
    try:
        services().db.write(presets.change, administration.actor(), id, **given)
    except NotFound:
        raise
    except RillError as error:
        return _page("presets", notice=error, preset={"id": id, **given})
    return _saved("presets")


@bp.post("/presets/<id>/remove")
def remove(id: str) -> tuple[str, int] | BaseResponse:
    """Offer a preset no longer."""
    services().db.write(presets.remove, administration.actor(), id)
    return _saved("presets")


def _saved(part: str) -> tuple[str, int] | BaseResponse:
    """Show the part again: alone where htmx asks, so that what is typed in the others stays."""
    services().options.renew()
    if htmx.is_htmx():
        return _page(part)
    return htmx.see_other(url_for(".index", saved=part, _anchor=htmx.dom_id("options", part)))


def _preset() -> dict[str, str]:
    return {name: request.form.get(name, "") for name in ("name", "prompt")}


def _models() -> dict[str, Any]:
    return {"models": request.form.getlist("models"), "model": request.form.get("model", "")}


def _features() -> dict[str, Any]:
    texts = {name: request.form.get(name, "").strip() for name in ("thinking", "max_tokens")}
    return texts | {name: request.form.get(name) == "1" for name in ("api", "api_system")}


def _prompt() -> dict[str, Any]:
    return {"system_prompt": request.form.get("system_prompt", "")}


def _notice() -> dict[str, Any]:
    return {name: request.form.get(name, "") for name in ("notice", "notice_until")}


def _pause() -> dict[str, Any]:
    is_on = request.form.get("is_on") == "1"
    return {"pause": (request.form.get("pause", "").strip() or _PAUSE) if is_on else ""}


_READ = {"models": _models, "features": _features, "prompt": _prompt, "notice": _notice, "pause": _pause}


def _page(
    said: str = "",
    *,
    notice: RillError | None = None,
    given: dict[str, Any] | None = None,
    preset: dict[str, str] | None = None,
) -> tuple[str, int]:
    """Show all forms, or the one that htmx asks for, with what holds.

    Where one was refused, it is shown with what it held, so that nothing typed is lost.
    """
    built = services()
    options = built.options.renew()
    values: dict[str, Any] = {
        "models": options.models,
        "model": options.model,
        "max_tokens": options.max_tokens,
        "thinking": options.thinking if options.has_thinking else "never",
        "api": options.has_api,
        "api_system": options.has_api_system,
        "system_prompt": options.system_prompt or "",
        "notice": options.notice,
        "notice_until": options.notice_until.isoformat() if options.notice_until else "",
        "pause": options.pause,
    }
    limits = {"prompt": choices.MAX_PROMPT, "notice": choices.MAX_NOTICE, "name": presets.MAX_NAME}
    shown = values | (given or {})
    return administration.page(
        "options/part.hx.html" if htmx.is_htmx() and said in PARTS else "options/index.html",
        notice=notice,
        said=said if said in PARTS else "",
        saved=PARTS.get(said, ""),
        shown_values=shown,
        options=options,
        settings=built.settings,
        limits=limits,
        preset=preset or {"id": None, "name": "", "prompt": ""},
        default_pause=_PAUSE,
    )
