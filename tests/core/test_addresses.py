"""Addresses as proxies write them: ports, brackets, IPv4 in IPv6, and what is none."""

import pytest

from app.core.addresses import is_loopback, is_nearly_everybodys, network, plain


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1:5678 ", "192.0.2.1"),
        ("[2001:db8::1]:99", "2001:db8::1"),
        ("[2001:DB8:0::1]", "2001:db8::1"),
        ('"[2001:db8::1]:99"', "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:c000:201]:80", "192.0.2.1"),
        ("unknown", "unknown"),
        ("_hidden:80", "_hidden:80"),
        ("", ""),
        ("x" * 200, "x" * 100),
    ],
)
def test_writes_an_address_in_one_way(written: str, address: str) -> None:
    assert plain(written) == address


@pytest.mark.parametrize("written", ["127.0.0.1", "127.8.9.10:80", "[::1]:99", "::ffff:127.0.0.1"])
def test_knows_this_machine(written: str) -> None:
    assert is_loopback(written)


@pytest.mark.parametrize(
    "written", ["192.0.2.1", "::ffff:192.0.2.1", "localhost", "unknown", "", "127.0.0.1, 192.0.2.1"]
)
def test_takes_nothing_else_for_this_machine(written: str) -> None:
    assert not is_loopback(written)


@pytest.mark.parametrize(
    "written",
    ["0.0.0.0/0", "8.0.0.0/7", "::/0", "::ffff:0:0/96", "::/96", "64:ff9b::/96", "2002::/16", "::ffff:0:0/103"],
)
def test_knows_networks_of_nearly_everybody(written: str) -> None:
    assert is_nearly_everybodys(network(written))


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:192.0.2.1", "192.0.2.1/32"),
        ("fd00::/8", "fd00::/8"),
        ("::1", "::1/128"),
        ("2001:db8::/32", "2001:db8::/32"),
    ],
)
def test_takes_networks_that_are_somebodys(written: str, found: str) -> None:
    assert str(network(written)) == found
    assert not is_nearly_everybodys(network(written))
