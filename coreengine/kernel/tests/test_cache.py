"""The cache while its Redis is away."""

import socket

import pytest

from coreengine.kernel.cache import ForgivingRedisCache


@pytest.fixture
def cache() -> ForgivingRedisCache:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return ForgivingRedisCache(f"redis://127.0.0.1:{port}/0", {})


def test_a_cache_that_cannot_be_reached_is_an_empty_one(cache: ForgivingRedisCache) -> None:
    cache.set("a", 1)
    assert cache.get("a") is None
    assert cache.get("a", "other") == "other"
    assert cache.get("a", default="other") == "other"
    assert cache.get_many(["a", "b"]) == {}
    assert cache.get_or_set("a", 5) == 5
    assert cache.set_many({"a": 1}) == ["a"]
    assert cache.add("a", 1) is True
    assert not cache.has_key("a")
    assert "a" not in cache
    assert not cache.delete("a")
    with pytest.raises(ValueError, match="not found"):
        cache.incr("a")
