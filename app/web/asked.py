"""What a person's form asks for, held against what is offered."""

from flask import request

from app.chat.presets import Preset
from app.core.errors import Invalid
from app.web.services import services


def message() -> dict[str, str]:
    """Read a message, its nonce, and the model that is to answer; raises Invalid where that is not offered."""
    options = services().options
    model = request.form.get("model") or options.get().model
    if model not in options.get().models and model not in options.renew().models:
        raise Invalid(f"The model {model[:80]} is not offered here. Choose another; your text is kept.")
    return {"text": request.form.get("text", ""), "nonce": request.form.get("nonce", "")[:64], "model": model}


def preset() -> Preset | None:
    """Read which preset was chosen, if any; raises Invalid where it is not offered, or not any more."""
    options, id = services().options, request.form.get("preset")
    if not id:
        return None
    for offered in (options.get().presets, options.renew().presets):
        if found := next((each for each in offered if each.id == id), None):
            return found
    raise Invalid("This preset is not offered any more. Choose another; your text is kept.")
