"""Addresses: one strict reading, and nothing private behind any spelling of it."""

from __future__ import annotations

import pytest

from coreengine.kernel.outbound.address import is_public, read_address
from coreengine.kernel.outbound.errors import RequestFailed

# Spellings of places that must never be reached, and texts that two readers understand differently.
REFUSED = [
    "http://127.0.0.1/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://0x7f.0.0.1/",
    "https://0x7f000001/",
    "https://0/",
    "https://0.0.0.0/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1%25eth0]/",
    "https://10.0.0.1/",
    "https://192.168.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.100.100.200/",
    "https://localhost/",
    "https://localhost./",
    "https://canvas/",
    "https://user@canvas.example.edu/",
    "https://user:pass@canvas.example.edu/",
    "https://canvas.example.edu@evil.example/",
    "https://canvas.example.edu\\@evil.example/",
    "https://evil.example\\.canvas.example.edu/",
    "https:\\\\evil.example/",
    "https://canvas.example.edu\t.evil.example/",
    "https://canvas.example.edu\n.evil.example/",
    "https://canvas.example.edu /",
    " https://canvas.example.edu/",
    "https://canvas.example.edu:80:443/",
    "https://canvas.example.edu:99999/",
    "https://canvas.example.edu:0/",
    "https://canvas.example.edu:٤٤٣/",
    "https://canvas。example。edu/",
    "https://ｃanvas.example.edu/",
    "https://canvas.example.edu./",
    "https://.canvas.example.edu/",
    "https://canvas..example.edu/",
    "https://#canvas.example.edu/",
    "https://evil.example#@canvas.example.edu/".replace("evil.example", "evil"),
    "https://",
    "https:///etc/passwd",
    "https:/canvas.example.edu/",
    "//evil.example/",
    "file:///etc/passwd",
    "gopher://canvas.example.edu/",
    "ftp://canvas.example.edu/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "HTTPS://%63anvas.example.edu/",
    "https://canvas.example.edu%00.evil.example/",
    "https://canvas.example.edu/\r\nHost: evil.example",
    "https://canvas.example.edu/\x00",
    "",
    None,
    7,
    ["https://canvas.example.edu/"],
    "https://canvas.example.edu/" + "a" * 9000,
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_an_address_that_is_not_plain_is_refused(text: object) -> None:
    with pytest.raises(RequestFailed) as refusal:
        read_address(text, home="canvas.example.edu")

    assert refusal.value.code in {"invalid_request", "host_not_allowed", "private_address"}


@pytest.mark.parametrize(
    ("text", "query", "url"),
    [
        ("https://Canvas.Example.edu", None, "https://canvas.example.edu/"),
        ("https://canvas.example.edu:443/a", None, "https://canvas.example.edu/a"),
        ("/api/v1/courses", {"per_page": 50}, "https://canvas.example.edu/api/v1/courses?per_page=50"),
        ("/a?b=1", {"c[]": ["x y", "z&"]}, "https://canvas.example.edu/a?b=1&c%5B%5D=x+y&c%5B%5D=z%26"),
        ("/a", {"on": True, "off": None}, "https://canvas.example.edu/a?on=true"),
        ("/Übung 1.pdf".replace(" ", "%20"), None, "https://canvas.example.edu/%C3%9Cbung%201.pdf"),
        ("https://canvas.example.edu?x=1", None, "https://canvas.example.edu/?x=1"),
        ("/a#fragment", None, "https://canvas.example.edu/a"),
    ],
)
def test_a_plain_address_is_brought_into_one_spelling(text: str, query: object, url: str) -> None:
    assert read_address(text, home="canvas.example.edu", query=query).url == url


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.0.3",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
    ]
    + ["100.64.0.1", "100.127.255.255", "168.63.129.16", "192.0.0.192", "198.18.0.1", "224.0.0.1", "239.1.1.1"]
    + ["240.0.0.1", "255.255.255.255", "192.0.2.1", "203.0.113.9", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1"]
    + ["fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1"]
    + ["64:ff9b::808:808", "2002:7f00:1::", "2002:808:808::", "2001:0:1::", "2001:db8::1", "fec0::1", "not an address"],
)
def test_an_address_that_is_not_of_the_public_internet_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111"])
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(address)
