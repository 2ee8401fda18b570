"""Who reaches what: every route is in exactly one of these tables, and every value that it reads is declared."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flask import Flask, has_request_context, request
from werkzeug.datastructures import ImmutableMultiDict

Route = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Ids:
    """What is ann's."""

    person: str
    conversation: str
    reply: str
    comparison: str
    token: str
    session: str


@dataclass(frozen=True, slots=True)
class Case:
    """What of ann's a route is asked for, in its path or in a form; a silent one tells nobody whether there is such."""

    path: Callable[[Ids], dict[str, object]] = lambda _ids: {}
    form: Callable[[Ids], dict[str, str]] = lambda _ids: {}
    is_silent: bool = False


_CONVERSATION = Case(lambda ids: {"id": ids.conversation})
_REPLY = Case(lambda ids: {"id": ids.reply})
_COMPARISON = Case(lambda ids: {"id": ids.comparison})

#: Routes that name a person's thing: others have to find nothing there, administrators too.
OWNER: dict[Route, Case] = {
    ("GET", "conversations.show"): _CONVERSATION,
    ("GET", "conversations.live"): _CONVERSATION,
    ("POST", "conversations.send"): _CONVERSATION,
    ("GET", "keeping.show"): _CONVERSATION,
    ("POST", "keeping.pin"): _CONVERSATION,
    ("POST", "keeping.delete"): _CONVERSATION,
    ("GET", "replies.show"): _REPLY,
    ("GET", "replies.stream"): _REPLY,
    ("POST", "replies.stop"): _REPLY,
    ("POST", "replies.retry"): _REPLY,
    ("POST", "replies.go_on"): _REPLY,
    ("GET", "events.show"): _REPLY,
    ("GET", "events.list_all"): _REPLY,
    ("GET", "events.event"): Case(lambda ids: {"id": ids.reply, "number": 1}),
    ("GET", "compare.show"): _COMPARISON,
    ("GET", "compare.stream"): _COMPARISON,
    ("POST", "me.revoke_token"): Case(lambda ids: {"id": ids.token}),
    ("POST", "me.end_session"): Case(form=lambda ids: {"hash": ids.session}, is_silent=True),
}
#: Routes for administrators alone, with what stands in their path; none of them shows what anybody said.
ADMINISTRATOR: dict[Route, Callable[[Ids], dict[str, object]]] = {
    ("GET", "administration.index"): lambda _ids: {},
    ("GET", "people.index"): lambda _ids: {},
    ("POST", "people.create"): lambda _ids: {},
    ("GET", "people.show"): lambda ids: {"id": ids.person},
    ("POST", "people.reset"): lambda ids: {"id": ids.person},
    ("POST", "people.role"): lambda ids: {"id": ids.person},
    ("POST", "people.disable"): lambda ids: {"id": ids.person},
    ("POST", "people.enable"): lambda ids: {"id": ids.person},
    ("POST", "people.delete"): lambda ids: {"id": ids.person},
    ("GET", "options.index"): lambda _ids: {},
    ("POST", "options.update"): lambda _ids: {"part": "pause"},
    ("POST", "options.add"): lambda _ids: {},
    ("POST", "options.change"): lambda _ids: {"id": "x"},
    ("POST", "options.remove"): lambda _ids: {"id": "x"},
    ("GET", "budgets.index"): lambda _ids: {},
    ("POST", "budgets.update"): lambda _ids: {},
    ("GET", "audit.index"): lambda _ids: {},
    ("GET", "ops.metrics"): lambda _ids: {},
    ("GET", "doctor.show"): lambda _ids: {},
    ("GET", "doctor.stream"): lambda _ids: {"start": "0"},
    ("GET", "doctor.seen"): lambda _ids: {"start": "0", "tick": 1},
    ("GET", "doctor.cut"): lambda _ids: {},
    ("GET", "doctor.report"): lambda _ids: {},
}
#: Routes for anybody; the link to a password is its own key, and a list is one's own, or nothing.
PUBLIC: set[Route] = {
    ("GET", "favicon"),
    ("GET", "ops.robots"),
    ("GET", "conversations.listed"),
    ("GET", "ops.livez"),
    ("GET", "ops.readyz"),
    ("GET", "ops.security"),
    ("GET", "api.description"),
    ("GET", "login.show"),
    ("POST", "login.create"),
    ("POST", "login.delete"),
    ("GET", "oidc.start"),
    ("GET", "oidc.callback"),
    ("GET", "password.show"),
    ("POST", "password.update"),
}
#: Routes for who is signed in that name nothing of a person's: they give or take what is one's own.
OWN: set[Route] = {
    ("GET", "conversations.index"),
    ("POST", "conversations.create"),
    ("GET", "compare.index"),
    ("POST", "compare.create"),
    ("GET", "me.show"),
    ("GET", "me.export"),
    ("POST", "me.password"),
    ("POST", "me.create_token"),
    ("POST", "me.delete"),
    ("GET", "usage.show"),
    ("GET", "usage.export"),
    ("GET", "api.models"),
}
#: Routes with a test of their own, for what they are asked comes as JSON.
APART: set[Route] = {("POST", "api.chat")}

_MESSAGE = {"text", "nonce", "model"}
_PASSWORDS = {"password", "again"}
_PRESET = {"name", "prompt"}
_BUDGETS = {of + what + per for of in ("", "person_") for what in ("", "tokens_") for per in ("day", "month")}
#: What routes read of query strings and forms; a route that is not here reads nothing.
VALUES: dict[Route, set[str]] = {
    ("GET", "conversations.index"): {"before", "said"},
    ("GET", "conversations.show"): {"before"},
    ("GET", "conversations.listed"): {"before", "current"},
    ("POST", "conversations.create"): {*_MESSAGE, "preset"},
    ("POST", "conversations.send"): {*_MESSAGE, "preset"},
    ("POST", "compare.create"): _MESSAGE,
    ("POST", "keeping.pin"): {"is_pinned"},
    ("POST", "keeping.delete"): {"is_meant"},
    ("GET", "replies.stream"): {"after"},
    ("GET", "events.list_all"): {"from"},
    ("POST", "me.end_session"): {"hash"},
    ("POST", "me.password"): {*_PASSWORDS, "old"},
    ("POST", "me.create_token"): {"name", "scopes", "days"},
    ("POST", "me.delete"): {"name"},
    ("GET", "me.show"): {"said"},
    ("GET", "usage.show"): {"of", "month"},
    ("GET", "usage.export"): {"of", "month"},
    ("GET", "people.index"): {"after", "part"},
    ("POST", "people.create"): {"name", "role", "after", "part"},
    ("POST", "people.role"): {"role"},
    ("POST", "people.delete"): {"name"},
    ("GET", "options.index"): {"saved"},
    ("POST", "options.update"): {"is_on", "pause"},
    ("POST", "options.add"): _PRESET,
    ("POST", "options.change"): _PRESET,
    ("GET", "budgets.index"): {"saved"},
    ("POST", "budgets.update"): _BUDGETS,
    ("GET", "audit.index"): {"before"},
    ("GET", "doctor.report"): {"seen", "cut"},
    ("GET", "login.show"): {"next"},
    ("POST", "login.create"): {"name", "password", "next"},
    ("GET", "oidc.start"): {"next"},
    ("GET", "oidc.callback"): {"state", "code", "error", "iss", "next"},
    ("POST", "password.update"): _PASSWORDS,
}
#: Values that name a person's thing: whoever reads one has a case above, whose form holds it.
THINGS = {"hash", "conversation"}
#: Values that name nobody's thing: texts, choices, numbers, places of this site, what the operator offers.
PLAIN = {
    *(_MESSAGE | _PASSWORDS | _PRESET | _BUDGETS),
    *("old", "name", "role", "scopes", "days", "preset", "is_pinned", "is_meant", "is_on", "pause"),
    *(
        "after",
        "before",
        "part",
        "from",
        "of",
        "month",
        "next",
        "saved",
        "said",
        "current",
        "seen",
        "cut",
        "state",
        "code",
        "error",
        "iss",
    ),
}
#: What every route may read: the proof that a form is ours, and the text that an error gives back.
_ALWAYS = {"csrf", "text"}


def routes(app: Flask) -> set[Route]:
    """List all routes."""
    rules = app.url_map.iter_rules()
    return {(method, rule.endpoint) for rule in rules for method in rule.methods - {"HEAD", "OPTIONS"}}


def watch(app: Flask) -> dict[Route, set[str]]:
    """Have an app take down what is read of each request's query and form, and give where."""
    found: dict[Route, set[str]] = {}

    class Watched(ImmutableMultiDict):
        """Takes down each name it is asked for; all at once is a star."""

        def _note(self, name: str) -> None:
            if has_request_context() and request.endpoint:
                found.setdefault((request.method, request.endpoint), set()).update({name} - _ALWAYS)

        def __getitem__(self, name: str) -> object:
            self._note(name)
            return super().__getitem__(name)

        def __contains__(self, name: object) -> bool:
            self._note(str(name))
            return super().__contains__(name)

        def getlist(self, name: str, type: object = None) -> list[object]:
            self._note(name)
            return super().getlist(name, type)

        def items(self, multi: bool = False) -> Iterator[tuple[str, object]]:
            self._note("*")
            return super().items(multi)

    app.request_class = type("Request", (app.request_class,), {"parameter_storage_class": Watched})
    return found
