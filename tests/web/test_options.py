"""What is offered, as administrators change it, and what that does to requests really made."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gevent.event import Event as Flag
from werkzeug.test import TestResponse

from app.adapters.db import Unreachable
from app.adapters.models import LOCAL_OWNER
from app.chat import audit, conversations, options, presets, tokens
from app.web.services import Services
from tests.scripted import ScriptedClaude, saying
from tests.web.door import ACCOUNTS, add, enter
from tests.web.pages import HTMX, reply_id, soup, start, wait

MARKUP = '"><img src=x onerror=alert(1)><script>alert(1)</script>'
FEATURES = {"thinking": "off", "max_tokens": "8192", "api": "1"}


def choose(client: FlaskClient, part: str, **given: object) -> TestResponse:
    """Send one of the forms, and see that it was taken."""
    response = client.post(f"/admin/options/{part}", data=given)
    assert response.status_code == 303, response.text
    return response


def ask(client: FlaskClient, **given: str) -> TestResponse:
    return client.post("/conversations", data={"text": "Hello", **given})


def preset(client: FlaskClient, services: Services, name: str = "Tutor", prompt: str = "Teach.") -> str:
    """Add a preset, and give its id."""
    choose(client, "presets", name=name, prompt=prompt)
    return next(each.id for each in services.db.read(presets.every) if each.name == name)


def noted(services: Services) -> list[tuple[str, str, str]]:
    return [(row.actor, row.subject, row.detail) for row in services.db.read(audit.latest)]


def test_offers_a_part_of_the_models(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    choose(client, "models", models=["claude-opus-5-5", "claude-haiku-5-5"], model="claude-haiku-5-5")

    for path in ("/", "/compare"):
        shown = soup(client.get(path)).select("#model option")
        assert [option["value"] for option in shown] == ["claude-opus-5-5", "claude-haiku-5-5"]
        assert [option["value"] for option in shown if option.has_attr("selected")] == ["claude-haiku-5-5"]
    assert [each["id"] for each in client.get("/api/models").json["data"]] == ["claude-opus-5-5", "claude-haiku-5-5"]
    assert ask(client).status_code == 303
    wait(services)
    refused = ask(client, model="claude-sonnet-5-5")
    assert (refused.status_code, "not offered here" in refused.text) == (422, True)
    assert client.post("/compare", data={"text": "Hi", "model": "claude-sonnet-5-5"}).status_code == 422
    refused = client.post("/api/chat", json={"message": "Hi", "model": "claude-sonnet-5-5"})
    assert refused.json["error"]["message"] == "model must be one of: claude-opus-5-5, claude-haiku-5-5."
    assert [request.model for request in claude.requests] == ["claude-haiku-5-5"]
    assert ("You", "models", "claude-opus-5-5, claude-haiku-5-5") in noted(services)


def test_asks_no_model_that_was_taken_away_meanwhile(
    client: FlaskClient, services: Services, claude: ScriptedClaude
) -> None:
    sent = services.db.write(conversations.start, LOCAL_OWNER, text="Hi", nonce="", model="claude-sonnet-5-5")
    choose(client, "models", models=["claude-opus-5-5"], model="claude-opus-5-5")
    services.runner.start(sent.reply)
    wait(services)

    page = soup(client.get(f"/c/{sent.message.conversation_id}"))
    assert "claude-sonnet-5-5 is not offered here any more" in page.select_one(".message--reply").text
    assert claude.requests == []
    assert client.post(f"/replies/{sent.reply.id}/retry").status_code == 303
    wait(services)
    assert [request.model for request in claude.requests] == ["claude-opus-5-5"]


def test_limits_every_reply(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    choose(client, "features", **{**FEATURES, "max_tokens": "50", "thinking": "adaptive"})
    choose(client, "prompt", system_prompt="Be short.")

    ask(client)
    wait(services)
    client.post("/compare", data={"text": "Hello"})
    wait(services)
    assert client.post("/api/chat", json={"message": "Hi", "max_tokens": 9000}).status_code == 200
    assert client.post("/api/chat", json={"message": "Hi", "conversation": "new"}).status_code == 200
    wait(services)
    found = {(request.max_tokens, request.thinking, request.system) for request in claude.requests}
    assert (len(claude.requests), found) == (5, {(50, "adaptive", "Be short.")})


def test_turns_programs_off(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    choose(client, "features", thinking="off", max_tokens="8192")

    refused = client.post("/api/chat", json={"message": "Hi"})
    assert (refused.status_code, refused.json["error"]["type"]) == (403, "permission_error")
    assert "an administrator has turned /api/chat off" in refused.json["error"]["message"]
    assert claude.requests == []
    choose(client, "features", **FEATURES)
    assert client.post("/api/chat", json={"message": "Hi"}).status_code == 200


def test_turns_thinking_off_for_programs(client: FlaskClient, claude: ScriptedClaude) -> None:
    choose(client, "features", **{**FEATURES, "thinking": "never"})

    refused = client.post("/api/chat", json={"message": "Hi", "thinking": "adaptive"})
    assert (refused.status_code, "turned it off" in refused.json["error"]["message"]) == (403, True)
    assert client.post("/api/chat", json={"message": "Hi", "thinking": "off"}).status_code == 200
    assert [request.thinking for request in claude.requests] == ["off"]


def test_turns_system_prompts_of_programs_off(make_app: Callable[..., Flask], claude: ScriptedClaude) -> None:
    client = make_app(RILL_API_SYSTEM="1").test_client()
    assert client.post("/api/chat", json={"message": "Hi", "system": "Mine"}).status_code == 200
    choose(client, "features", **FEATURES)

    refused = client.post("/api/chat", json={"message": "Hi", "system": "Mine"})
    assert (refused.status_code, "an administrator has turned that off" in refused.text) == (403, True)
    choose(client, "features", **FEATURES, api_system="1")
    assert client.post("/api/chat", json={"message": "Hi", "system": "Mine"}).status_code == 200
    assert len(claude.requests) == 2


def test_allows_nothing_that_the_environment_forbids(client: FlaskClient, services: Services) -> None:
    for part, given, name in (
        ("models", {"models": ["claude-opus-5-5", "gpt"], "model": "claude-opus-5-5"}, "RILL_MODELS"),
        ("features", {**FEATURES, "max_tokens": "8193"}, "RILL_MAX_TOKENS"),
        ("features", {**FEATURES, "api_system": "1"}, "RILL_API_SYSTEM"),
    ):
        refused = client.post(f"/admin/options/{part}", data=given)
        assert refused.status_code == 422
        assert name in soup(refused).select_one(f"#options-{part} [role=alert]").text
    assert noted(services) == []


def test_gives_back_what_was_typed_where_it_is_refused(client: FlaskClient, services: Services) -> None:
    long = "x" * 501
    page = soup(client.post("/admin/options/notice", data={"notice": long, "notice_until": "2026-12-31"}))
    assert page.select_one("#notice-field").text == long
    assert page.select_one("#until")["value"] == "2026-12-31"
    page = soup(client.post("/admin/options/presets", data={"name": "Tutor", "prompt": ""}))
    assert page.select_one("#preset-new-name")["value"] == "Tutor"
    id = preset(client, services)
    page = soup(client.post(f"/admin/options/presets/{id}", data={"name": "", "prompt": "My long prompt"}))
    assert page.select_one(f"#preset-{id}-prompt").text == "My long prompt"
    assert page.select_one(f"#preset-{id}-prompt").find_parent("details").has_attr("open")


def test_says_what_was_saved(client: FlaskClient) -> None:
    place = choose(client, "prompt", system_prompt="Be short.").location

    assert soup(client.get(place)).select_one("#options-prompt .notice[role=status]").text == "System prompt: saved."
    assert not soup(client.get("/admin/options?saved=<b>")).select("p[role=status]")
    assert soup(client.get(place)).select_one("#system").text == "Be short."
    assert client.post("/admin/options/nothing").status_code == 404


def test_shows_htmx_the_page_where_no_part_was_saved(client: FlaskClient) -> None:
    assert "New replies" in client.get("/admin/options", headers=HTMX).text


@pytest.mark.parametrize(
    ("part", "given", "status", "said"),
    [
        ("prompt", {"system_prompt": "Be short."}, 200, "System prompt: saved."),
        ("presets", {"name": "Tutor", "prompt": "Teach."}, 200, "Presets: saved."),
        ("presets", {"name": "Tutor", "prompt": ""}, 422, "prompt"),
        ("notice", {"notice": "x" * 501, "notice_until": ""}, 422, "500"),
    ],
)
def test_answers_htmx_with_the_part_alone(
    client: FlaskClient, part: str, given: dict[str, str], status: int, said: str
) -> None:
    answer = client.post(f"/admin/options/{part}", data=given, headers=HTMX)
    page = soup(answer)

    assert answer.status_code == status
    assert [section["id"] for section in page.select("section")] == [f"options-{part}"]
    assert said in page.select_one(f"#options-{part} .notice").text
    assert page.select_one("hx-partial[hx-target='#banners'] #banners")


def test_keeps_a_preset_for_later_turns(client: FlaskClient, services: Services, claude: ScriptedClaude) -> None:
    id = preset(client, services)
    choose(client, "prompt", system_prompt="Be short.")
    assert [option.text for option in soup(client.get("/")).select("#preset option")] == ["No preset", "Tutor"]
    conversation = ask(client, preset=id).location.split("/")[2]
    wait(services)
    choose(client, f"presets/{id}", name="Coach", prompt="Cheer.")
    choose(client, f"presets/{id}/remove")
    client.post(f"/c/{conversation}/messages", data={"text": "And then?"})
    wait(services)
    client.post(f"/replies/{reply_id(client, conversation)}/retry")
    wait(services)
    client.post("/api/chat", json={"message": "More", "conversation": conversation})
    start(client)
    wait(services)

    assert [request.system for request in claude.requests] == ["Teach."] * 4 + ["Be short."]
    page = soup(client.get(f"/c/{conversation}"))
    assert "Preset: Tutor" in page.select_one(".composer").text
    assert not page.select("#preset")


def test_refuses_a_preset_that_is_gone_and_keeps_the_choice_otherwise(client: FlaskClient, services: Services) -> None:
    id = preset(client, services)
    refused = ask(client, preset="gone", text="My question")
    assert (refused.status_code, "This preset is not offered any more" in refused.text) == (422, True)
    assert soup(refused).select_one("#prompt").text == "My question"
    again = soup(ask(client, preset=id, text="", model="claude-haiku-5-5"))
    chosen = [again.select_one(f"#{name} option[selected]")["value"] for name in ("preset", "model")]
    assert chosen == [id, "claude-haiku-5-5"]


def test_takes_a_preset_that_another_process_just_added(
    make_app: Callable[..., Flask], services: Services, claude: ScriptedClaude
) -> None:
    here, there = make_app().test_client(), make_app().test_client()
    there.get("/")
    id = preset(here, services)
    choose(here, "models", models=["claude-opus-5-5"], model="claude-opus-5-5")

    assert ask(there, preset=id, model="claude-opus-5-5").status_code == 303
    wait(there.application.extensions["rill"])
    assert claude.requests[0].system == "Teach."


def test_says_a_notice_on_every_page_to_who_is_in(make_app: Callable[..., Flask]) -> None:
    app = make_app(**ACCOUNTS)
    add(app.extensions["rill"], "root", "administrator")
    add(app.extensions["rill"], "ann")
    root, ann = enter(app, "root"), enter(app, "ann")
    root.post("/admin/options/notice", {"notice": f"Down on Sunday. {MARKUP}"})

    for path in ("/", "/compare", "/nowhere", "/admin/people"):
        page = soup(ann.get(path))
        [said] = page.select(".banner--said")
        assert said.text == f"Down on Sunday. {MARKUP}"
        assert not page.select("img, script:not([src])")
    assert "Down on Sunday" not in app.test_client().get("/login").text
    root.post("/admin/options/notice", {"notice": "Old.", "notice_until": "2020-01-01"})
    assert not soup(ann.get("/")).select(".banner--said")


def test_shows_prompts_and_names_as_they_are(client: FlaskClient, services: Services) -> None:
    choose(client, "prompt", system_prompt=MARKUP + "</textarea>" + MARKUP)
    id = preset(client, services, name="<b>" + MARKUP[:50], prompt=MARKUP + "</textarea>" + MARKUP)
    choose(client, "pause", is_on="1", pause=MARKUP)

    page = soup(client.get("/admin/options"))
    assert page.select_one(f"#preset-{id}-prompt").text == MARKUP + "</textarea>" + MARKUP
    for path in ("/admin/options", "/", "/admin/audit", "/compare"):
        page = soup(client.get(path))
        assert not page.select("img, b, script:not([src])"), path


def test_refuses_new_replies_everywhere_while_they_are_off(
    client: FlaskClient, services: Services, claude: ScriptedClaude
) -> None:
    flag = Flag()
    done = start(client, nonce="n1")
    wait(services)
    finished = reply_id(client, done)
    claude.scripts.append([*saying("Still ")[:3], flag, *saying("here.")[2:]])
    running = start(client, nonce="n2")
    choose(client, "pause", is_on="1", pause="Back at noon.")

    asked = {"text": "Another question"}
    answers = [
        client.post("/conversations", data=asked),
        client.post("/conversations", data=asked, headers=HTMX),
        client.post(f"/c/{done}/messages", data=asked),
        client.post(f"/replies/{finished}/retry"),
        client.post(f"/replies/{finished}/continue"),
        client.post("/compare", data=asked),
        client.post("/api/chat", json={"message": "Hi"}),
        client.post("/api/chat", json={"message": "Hi", "conversation": "new"}),
    ]
    assert [answer.status_code for answer in answers] == [503] * len(answers)
    assert all("Back at noon." in answer.text for answer in answers)
    assert "Another question</textarea>" in answers[0].text
    assert "Back at noon." in soup(client.get("/")).select_one(".banner--said").text
    flag.set()
    wait(services)
    assert "Still here." in soup(client.get(f"/c/{running}")).select_one(".message--reply").text
    assert len(claude.requests) == 2
    assert [row[1:] for row in noted(services)] == [("pause", "on")]

    choose(client, "pause", is_on="0", pause="Back at noon.")
    assert ask(client).status_code == 303
    wait(services)


def test_has_a_sentence_where_none_was_written(client: FlaskClient) -> None:
    choose(client, "pause", is_on="1", pause=" ")

    assert "takes no new messages for a while" in ask(client).text


def test_refuses_on_all_processes(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch, claude: ScriptedClaude
) -> None:
    here, there = make_app().test_client(), make_app().test_client()
    assert there.get("/").status_code == 200
    choose(here, "pause", is_on="1", pause="Back at noon.")

    assert ask(here).status_code == 503
    monkeypatch.setattr(there.application.extensions["rill"].options, "_clock", lambda: 1e12)
    assert ask(there).status_code == 503
    choose(there, "pause", is_on="0")
    monkeypatch.setattr(here.application.extensions["rill"].options, "_clock", lambda: 1e12)
    assert ask(here).status_code == 303
    wait(here.application.extensions["rill"])


def test_shows_pages_of_errors_without_the_options(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()

    def fail(*_args: object, **_values: object) -> None:
        raise Unreachable("Rill cannot reach its database.")

    monkeypatch.setattr(app.extensions["rill"].db, "read", fail)
    answer = app.test_client().get("/")
    assert (answer.status_code, "cannot reach its database" in answer.text) == (503, True)


def test_holds_the_options_against_a_token(make_app: Callable[..., Flask]) -> None:
    app = make_app(**ACCOUNTS)
    services = app.extensions["rill"]
    add(services, "root", "administrator")
    ann = add(services, "ann")
    secret = services.db.write(tokens.create, ann, name="script", scopes=["chat"], days=30)
    enter(app, "root").post("/admin/options/features", {"thinking": "off", "max_tokens": "100"})

    answer = app.test_client().post("/api/chat", json={"message": "Hi"}, headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 403
    assert [(row.actor, row.subject) for row in services.db.read(audit.latest)][:2] == [
        ("root", "api"),
        ("root", "max_tokens"),
    ]


def test_is_not_there_for_members_and_strangers(make_app: Callable[..., Flask]) -> None:
    app = make_app(**ACCOUNTS)
    services = app.extensions["rill"]
    add(services, "root", "administrator")
    add(services, "ann")
    ann = enter(app, "ann")
    services.db.write(presets.add, "root", name="Tutor", prompt="Teach.")
    [tutor] = services.db.read(presets.every)
    before = services.db.read(options.read, services.settings)

    for part, given in (
        ("pause", {"is_on": "1"}),
        ("prompt", {"system_prompt": "Mine"}),
        ("presets", {"name": "Mine", "prompt": "Mine"}),
        (f"presets/{tutor.id}", {"name": "Mine", "prompt": "Mine"}),
        (f"presets/{tutor.id}/remove", {}),
    ):
        assert ann.post(f"/admin/options/{part}", given).status_code == 404
        assert app.test_client().post(f"/admin/options/{part}", data=given).status_code == 401
    assert services.db.read(options.read, services.settings) == before
