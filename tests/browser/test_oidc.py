"""Somebody signs in with a real identity provider, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Watch
from tests.servers import Process, free_port, start_provider, start_rill

ANN = {
    "sub": "ann-1",
    "preferred_username": "ann",
    "email": "ann@corp.example",
    "email_verified": True,
    "groups": ["staff"],
}
EVE = {"sub": "eve-1", "preferred_username": "eve", "email": "eve@evil.example", "email_verified": True}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Give an identity provider at which ann and eve have accounts."""
    server = start_provider(tmp_path_factory.mktemp("provider"), ANN, EVE)
    yield server
    server.stop(kill=True)


@pytest.fixture(scope="module")
def rill(provider: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Give a Rill that lets in whoever has an address at corp.example."""
    port = free_port()
    server = start_rill(
        tmp_path_factory.mktemp("rill"),
        port,
        RILL_URL=f"http://127.0.0.1:{port}",
        SECRET_KEY="k" * 32,
        RILL_OIDC_ISSUER=provider.url,
        RILL_OIDC_CLIENT_ID="rill",
        RILL_OIDC_CLIENT_SECRET="canary-of-the-client",
        RILL_OIDC_DOMAINS="corp.example",
        RILL_OIDC_ADMIN_GROUPS="staff",
    )
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def nothing_from_elsewhere(page: Page) -> None:
    """Keep the provider's page, which has its style sheet on another site, on this machine."""
    page.context.route(lambda url: "//127.0.0.1:" not in url, lambda route: _empty(route))


def _empty(route: Route) -> None:
    route.fulfill(status=200, content_type="text/css", headers={"Access-Control-Allow-Origin": "*"}, body="")


def log_of(rill: Process) -> str:
    """Give what it wrote down."""
    return Path(rill.log).read_text()


def test_signs_in_and_goes_on_where_they_were(page: Page, rill: Process) -> None:
    page.goto(f"{rill.url}/doctor")
    expect(page).to_have_url(f"{rill.url}/login?next=/doctor")
    page.get_by_role("link", name="Sign in with 127.0.0.1:").click()
    page.get_by_role("button", name="ann-1").click()

    expect(page).to_have_url(f"{rill.url}/doctor")
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies(rill.url)}
    assert "rill-oidc" not in cookies
    assert (cookies["rill"]["httpOnly"], cookies["rill"]["sameSite"]) == (True, "Lax")
    assert "canary-of-the-client" not in log_of(rill)
    assert "code=" not in log_of(rill)


def test_says_who_may_not_come_in(page: Page, rill: Process, watch: Watch) -> None:
    watch.expected = ("403",)
    page.goto(f"{rill.url}/login")
    page.get_by_role("link", name="Sign in with").click()
    page.get_by_role("button", name="eve-1").click()

    expect(page.get_by_role("alert")).to_contain_text("Mail addresses of your domain are not let in here")
    page.goto(rill.url)
    expect(page).to_have_url(f"{rill.url}/login?next=/")


def test_says_so_when_the_person_says_no(page: Page, rill: Process, watch: Watch) -> None:
    watch.expected = ("403", "400")
    page.goto(f"{rill.url}/login")
    page.get_by_role("link", name="Sign in with").click()
    page.get_by_role("button", name="Deny").click()

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("link", name="Sign in with")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_offers_the_way_on_a_phone(page: Page, rill: Process, scheme: str, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{rill.url}/login")
    link = page.get_by_role("link", name="Sign in with")

    expect(link).to_be_in_viewport(ratio=1)
    assert link.bounding_box()["height"] >= 36
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.screenshot(path=tmp_path / f"login-{scheme}.png")
