"""The log: a line for each event, with constant keys, and never what people or Claude wrote."""

import logging
import re
import sys
import time
import traceback
from pathlib import Path

#: What every record has; anything else was given as a key of the event.
_OWN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_BARE = re.compile(r"[\w.:/+-]+")
_FRAMES = 6
#: What looks like a key of Anthropic's; none should get this far.
_KEY = re.compile(r"sk-ant-[\w-]*")


class Formatter(logging.Formatter):
    """Writes ``time level event key=value …``.

    Of an exception it gives the type and the places it went through, not its message, which may hold
    anything: a statement with its parameters, a prompt, a key.
    """

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as one line."""
        fields = {name: value for name, value in vars(record).items() if name not in _OWN and value not in (None, "")}
        if record.exc_info and record.exc_info[1] is not None:
            fields |= _of(record.exc_info[1])
        pairs = (f"{name}={_value(value)}" for name, value in fields.items())
        line = " ".join([self.formatTime(record), record.levelname.lower(), record.msg, *pairs])
        return _KEY.sub("sk-…", line)


def configure() -> None:
    """Send the events of Rill to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter())
    logger = logging.getLogger("app")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(logging.INFO)


def _of(error: BaseException) -> dict[str, str]:
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = [f"{Path(frame.filename).name}:{frame.lineno}:{frame.name}" for frame in frames]
    return {"error": type(error).__name__, "at": "<".join(reversed(places))}


def _value(value: object) -> str:
    text = str(value)
    return text if _BARE.fullmatch(text) else '"' + text.encode("unicode_escape").decode().replace('"', '\\"') + '"'
