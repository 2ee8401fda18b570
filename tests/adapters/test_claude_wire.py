"""Requests as they are written for the SDK."""

from app.adapters.claude_wire import params
from app.core.request import MessagesRequest

MESSAGES = [{"role": "user", "content": "Hi"}]


def test_says_which_person_it_is_where_that_is_known() -> None:
    assert params(MessagesRequest("m", 10, MESSAGES, user_id="a" * 64), {})["metadata"] == {"user_id": "a" * 64}
    assert "metadata" not in params(MessagesRequest("m", 10, MESSAGES), {})
