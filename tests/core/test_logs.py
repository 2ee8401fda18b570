"""Log lines: one for each event, keys as given, and nothing that an exception says."""

import logging
import re

from app.core.logs import Formatter


def line(event: str, *, error: Exception | None = None, **fields: object) -> str:
    exc_info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("app.x", logging.INFO, __file__, 1, event, (), exc_info)
    vars(record).update(fields)
    return Formatter().format(record)


def test_writes_time_level_event_and_keys() -> None:
    found = line("reply.ended", reply="abc", status="done", duration_s=1.25)

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z info reply\.ended reply=abc status=done duration_s=1\.25", found)


def test_leaves_out_what_is_empty() -> None:
    assert line("reply.ended", code="", detail=None).endswith("info reply.ended")


def test_keeps_any_value_on_its_line() -> None:
    found = line("x", detail='two words\nand a "quote"')

    assert found.endswith(r'detail="two words\nand a \"quote\""')
    assert "\n" not in found


def test_gives_places_of_an_exception_but_not_what_it_says() -> None:
    try:
        int("sk-ant-secret")
    except ValueError as error:
        found = line("reply.crashed", error=error)

    assert "error=ValueError" in found
    assert "test_logs.py" in found
    assert "secret" not in found
    assert "\n" not in found


def test_blots_out_what_looks_like_a_key() -> None:
    assert line("x", detail="with sk-ant-api03-aB_9-x, and so on").endswith('detail="with sk-…, and so on"')
