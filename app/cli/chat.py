"""``flask chat``: ask Claude from a shell, through the same adapter as the page."""

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, get_args

import click
import gevent
from flask import current_app
from flask.cli import with_appcontext

from app.adapters.pulse import Stopped
from app.chat.asking import Call
from app.cli.outcome import MEANINGS, Exit, Outcome, Reply, as_json, ended, failed, figures
from app.cli.terminal import Terminal, Unwritable, to_json
from app.core.errors import Upstream
from app.core.events import BlockStart, Event, Retrying, TextDelta, ThinkingDelta
from app.core.request import WHOLE_TOKENS, Effort, MessagesRequest
from app.core.schema import follow
from app.core.settings import Settings
from app.core.text import from_json, storable

_STOPPED = Outcome(Exit.STOPPED, "Stopped.", "stopped")
_NOT_JSON = Outcome(Exit.SCHEMA, "The reply is not what the schema asks for. --json shows what came.", "schema")
_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code:3}  {meaning}" for code, meaning in MEANINGS.items())


@dataclass(frozen=True, slots=True)
class Options:
    """What was typed."""

    prompt: str | None
    model: str | None
    system: str | None
    max_tokens: int | None
    effort: Effort | None
    schema: Path | None
    is_whole: bool
    is_json: bool

    @property
    def is_held(self) -> bool:
        """Whether nothing is shown before the end."""
        return self.is_json or self.is_whole or self.schema is not None


@click.command("chat", epilog=_EPILOG)
@click.argument("prompt", required=False)
@click.option("--model", metavar="ID", help="One of RILL_MODELS; RILL_MODEL unless given.")
@click.option("--system", metavar="TEXT", help="System prompt, in place of RILL_SYSTEM_PROMPT.")
@click.option("--max-tokens", type=click.IntRange(1, 128_000), help="Longest reply, in place of RILL_MAX_TOKENS.")
@click.option("--effort", type=click.Choice(get_args(Effort)), help="How hard Claude tries.")
@click.option("--no-stream", "is_whole", is_flag=True, help="Ask for the reply in one piece.")
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object at the end, however it ended.")
@click.option(
    "--schema",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON Schema that the reply has to follow; prints the object.",
)
@with_appcontext
def chat(**given: Any) -> None:
    """Ask Claude, and print the reply as it comes.

    A text on standard input is the prompt, or follows it. Tokens and times go to standard error.
    """
    options, rill = Options(**given), current_app.extensions["rill"]
    try:
        schema = _schema(options.schema)
        request = _request(options, rill.settings, schema)
        with _no_log():
            code = _Chat(options, request, is_paid=rill.settings.mode != "demo").run(rill.claude.call(request))
        sys.exit(code)
    except KeyboardInterrupt:
        sys.exit(Exit.STOPPED)


def _request(options: Options, settings: Settings, schema: dict[str, Any] | None) -> MessagesRequest:
    model = options.model or settings.model
    if model not in settings.models:
        raise click.BadParameter(f"choose one of {', '.join(settings.models)}.", param_hint="--model")
    max_tokens = options.max_tokens or settings.max_tokens
    return MessagesRequest(
        model=model,
        max_tokens=max_tokens,
        messages=[{"role": "user", "content": _prompt(options.prompt)}],
        system=storable(options.system or "") or settings.system_prompt,
        thinking=settings.thinking,
        effort=options.effort,
        schema=schema,
        is_streamed=max_tokens > WHOLE_TOKENS or not (options.is_whole or schema),
    )


def _prompt(typed: str | None) -> str:
    """Put the prompt together from what was typed and what is piped in."""
    piped = ""
    if sys.stdin is not None and not sys.stdin.isatty():
        try:
            piped = sys.stdin.buffer.read().decode()
        except UnicodeDecodeError:
            raise click.UsageError("Standard input is not a text in UTF-8.") from None
    prompt = "\n\n".join(part for part in (typed, piped) if part and part.strip())
    if not prompt:
        raise click.UsageError('Say what to ask, as in: flask chat "Write a haiku", or pipe a text in.')
    return storable(prompt)


def _schema(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        schema = from_json(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{path} cannot be read as JSON: {error}", param_hint="--schema") from None
    if not isinstance(schema, dict):
        raise click.BadParameter(f"{path} holds no JSON object.", param_hint="--schema")
    return schema


class _Chat:
    """One question and its reply on the terminal."""

    def __init__(self, options: Options, request: MessagesRequest, *, is_paid: bool) -> None:
        self._options, self._request, self._is_paid = options, request, is_paid
        self._terminal, self._reply = Terminal(), Reply()
        self._texts: set[int] = set()

    def run(self, call: Call) -> Exit:
        """Ask, print, and give the exit code."""
        try:
            self._terminal.check()  # before a reply is paid for that nobody could read
            outcome = self._finish(self._heard(call))
        except Unwritable as error:
            if error.is_gone:
                return Exit.UNREAD
            self._terminal.tell(str(error))
            return Exit.UNWRITTEN
        finally:
            self._terminal.settle()
        if outcome.sentence:
            code = f" ({outcome.code})" if outcome.code not in ("", "stopped", "refusal", "schema") else ""
            self._terminal.tell(outcome.sentence + code)
        if line := figures(self._reply, is_streamed=self._request.is_streamed, is_paid=self._is_paid):
            self._terminal.tell(line)
        return outcome.exit

    def _heard(self, call: Call) -> Outcome:
        """Take in the whole reply, shown as it comes unless it is held."""
        self._terminal.wait("Waiting for Claude")
        began = monotonic()
        try:
            with _interruptible(call), closing(iter(call)) as events:  # type: ignore[type-var]  # it is a generator
                for event in events:
                    self._reply.add(event)
                    self._show(event)
        except Upstream as error:
            return failed(error)
        except (Stopped, KeyboardInterrupt):
            return _STOPPED
        finally:
            self._reply.end(round(1000 * (monotonic() - began)))
        return ended(self._reply.assembly)

    def _show(self, event: Event) -> None:
        match event:
            case Retrying():
                self._retry(event)
            case ThinkingDelta():
                self._terminal.wait("Claude is thinking")
            case BlockStart() if event.block.get("type") == "text":
                self._say(event.index, event.block.get("text") or "")
            case TextDelta():
                self._say(event.index, event.text)
            case _:
                pass

    def _retry(self, event: Retrying) -> None:
        wait = f"{event.wait_s:.0f} s (attempt {event.attempt} of {event.attempts})"
        self._terminal.tell(f"{event.reason} Trying again in {wait}")
        self._terminal.wait("Waiting for Claude")

    def _say(self, index: int, text: str) -> None:
        """Write a piece of text; texts are set apart as ``Assembly.text`` does it."""
        if self._options.is_held:
            self._terminal.wait("Claude is writing")
            return
        if index not in self._texts:
            self._texts.add(index)
            text = f"\n\n{text}" if len(self._texts) > 1 else text
        if text:
            self._terminal.say(text)

    def _finish(self, outcome: Outcome) -> Outcome:
        """Print what was held, and end the line."""
        more: dict[str, Any] = {}
        if self._request.schema is not None:
            more["parsed"] = None
            if outcome.exit == Exit.DONE:
                try:
                    more["parsed"] = follow(self._reply.assembly.text, self._request.schema)
                except ValueError:
                    outcome = _NOT_JSON
        if self._options.is_json:
            self._print(as_json(self._reply, outcome, **more))
        elif not more and self._options.is_held:
            self._terminal.say(self._reply.assembly.text)
        elif more and outcome.exit == Exit.DONE:
            self._print(more["parsed"], indent=2)
        self._terminal.end()
        return outcome

    def _print(self, value: Any, indent: int | None = None) -> None:
        self._terminal.say(to_json(value, is_shown=self._terminal.is_shown, indent=indent) + "\n")


@contextmanager
def _no_log() -> Iterator[None]:
    """Keep the lines of the log off the terminal: what failed is told in sentences."""
    logger = logging.getLogger("app")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _interruptible(call: Call) -> Iterator[None]:
    """Let Ctrl-C close the call, as Stop does on the page; a second one ends the process at once."""
    ours, previous = gevent.getcurrent(), signal.getsignal(signal.SIGINT)

    def interrupt(_signal: int, _frame: Any) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        call.close()
        if gevent.getcurrent() is ours:  # it waits for nothing that the call could end
            raise KeyboardInterrupt

    if previous is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
