"""The pages of administrators: with and without scripts, by keyboard, wide and narrow, light and dark."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import axe, send, wait_until_done
from tests.servers import Process, free_port, start_rill

PASSWORD = "a cellar for the lantern"
PAGES = ("people", "options", "audit")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Give Rill in which people have accounts."""
    rill = start_rill(
        tmp_path_factory.mktemp("office"),
        free_port(),
        SECRET_KEY="k" * 32,
        RILL_ADMIN_PASSWORD=PASSWORD,
        RILL_DEMO_SPEED="20",
    )
    yield rill
    rill.stop()


def sign_in(page: Page, rill: Process) -> None:
    page.goto(f"{rill.url}/login")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{rill.url}/")


def overflow(page: Page) -> int:
    """Give by how many pixels the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def test_invites_somebody_who_then_comes_in(page: Page, office: Process, browser: Browser) -> None:
    sign_in(page, office)
    page.get_by_role("link", name="Administration").click()
    page.get_by_label("Name, or mail address").fill("eve@example.com")
    page.keyboard.press("Enter")
    link = page.get_by_label("Link")
    expect(link).to_be_focused()
    assert axe(page) == []

    context = browser.new_context()
    guest = context.new_page()
    guest.goto(link.input_value())
    guest.get_by_label("Password").fill("a ladder in the orchard")
    guest.get_by_label("Once more").fill("a ladder in the orchard")
    guest.keyboard.press("Enter")
    guest.wait_for_url(f"{office.url}/")
    expect(guest.get_by_role("link", name="Administration")).to_have_count(0)
    page.get_by_role("link", name="People").click()
    page.get_by_role("link", name="eve@example.com").click()
    page.get_by_role("button", name="Disable").click()
    expect(page.get_by_role("button", name="Enable")).to_be_visible()
    guest.reload()
    expect(guest).to_have_url(re.compile("/login"))
    context.close()


def test_chooses_a_preset_and_reads_a_notice(page: Page, office: Process) -> None:
    sign_in(page, office)
    page.goto(f"{office.url}/admin/options")
    page.get_by_label("On top of every page").fill("Down on Sunday <b>evening</b>.")
    page.get_by_role("button", name="Save the notice").click()
    expect(page.get_by_role("status")).to_have_text("Notice: saved.")
    page.get_by_text("Add a preset").click()
    form = page.get_by_role("form", name="New preset")
    form.get_by_label("Name").fill("Tutor for people with much patience")
    form.get_by_label("System prompt").fill("Teach.")
    form.get_by_role("button").click()
    expect(page.get_by_text("Presets: saved.")).to_be_visible()
    page.goto(office.url)
    expect(page.get_by_label("Notice")).to_have_text("Down on Sunday <b>evening</b>.")
    page.get_by_label("Preset").select_option("Tutor for people with much patience")
    assert axe(page) == []
    send(page, "Hello")
    page.wait_for_url("**/c/*")
    wait_until_done(page)
    expect(page.locator(".composer")).to_contain_text("Preset: Tutor")
    composer = page.locator("#composer").bounding_box()
    assert composer
    assert composer["y"] + composer["height"] <= 800


def test_saves_one_part_and_leaves_what_is_typed_in_others(page: Page, office: Process) -> None:
    sign_in(page, office)
    page.goto(f"{office.url}/admin/options")
    page.get_by_label("For every conversation").fill("Half a prompt")
    page.get_by_text("Add a preset").click()
    form = page.get_by_role("form", name="New preset")
    form.get_by_label("Name").fill("Brief")
    form.get_by_label("System prompt").fill("Be brief.")
    form.get_by_role("button").click()
    expect(page.get_by_role("status")).to_have_text("Presets: saved.")
    expect(page.get_by_role("status")).to_be_in_viewport()
    page.get_by_label("On top of every page").fill("Hello, all.")
    page.get_by_role("button", name="Save the notice").click()

    expect(page.locator("#banners")).to_contain_text("Hello, all.")
    expect(page.get_by_label("For every conversation")).to_have_value("Half a prompt")
    assert axe(page) == []
    page.get_by_text("Brief", exact=True).click()
    page.get_by_role("form", name="Preset Brief").get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("Brief", exact=True)).to_have_count(0)
    page.get_by_label("On top of every page").fill("")
    page.get_by_role("button", name="Save the notice").click()
    expect(page.locator("#banners")).not_to_contain_text("Hello, all.")
    expect(page.get_by_label("For every conversation")).to_have_value("Half a prompt")


def test_keeps_what_is_written_while_no_replies_are_taken(page: Page, office: Process, watch: object) -> None:
    watch.expected = ("503",)
    sign_in(page, office)
    page.goto(f"{office.url}/admin/options")
    page.get_by_role("button", name="Take no new replies").click()
    expect(page.get_by_role("button", name="Take new replies")).to_be_visible()
    page.goto(office.url)
    send(page, "My long question")
    expect(page.locator("#notice")).to_contain_text("takes no new messages for a while")
    expect(page.locator("#prompt")).to_have_value("My long question")
    page.goto(f"{office.url}/admin/options")
    page.get_by_role("button", name="Take new replies").click()
    expect(page.get_by_role("button", name="Take no new replies")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 390])
def test_is_readable_everywhere(browser: Browser, office: Process, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, java_script_enabled=True
    )
    page = context.new_page()
    sign_in(page, office)
    for name in PAGES:
        page.goto(f"{office.url}/admin/{name}")
        assert axe(page) == [], name
        assert overflow(page) == 0, name
        expect(page.get_by_role("navigation", name="Administration").locator("[aria-current=page]")).to_have_count(1)
    page.goto(f"{office.url}/admin/people")
    page.get_by_label("Name, or mail address").fill(f"{scheme}.{width}.somebody.long@department.example.com")
    page.get_by_role("button", name="Make the link").click()
    expect(page.get_by_label("Link")).to_be_visible()
    assert axe(page) == []
    assert overflow(page) == 0
    page.goto(office.url)
    send_button = page.locator("#go").bounding_box()
    assert send_button
    assert send_button["x"] + send_button["width"] <= width
    context.close()


def test_works_without_scripts(browser: Browser, office: Process) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, office)
    page.goto(f"{office.url}/admin/options")
    page.get_by_text("Add a preset").click()
    form = page.get_by_role("form", name="New preset")
    form.get_by_label("Name").fill("Editor")
    form.get_by_label("System prompt").fill("Shorten.")
    form.get_by_role("button").click()
    page.get_by_text("Editor").click()
    page.get_by_role("form", name="Preset Editor").get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("status")).to_have_text("Presets: saved.")
    expect(page.get_by_text("Editor")).to_have_count(0)
    context.close()
