"""The cache: what is in it may be gone at any time, and so may Redis itself."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


def _or(answer: Any) -> Callable[[Any], Any]:
    """Answer as an empty cache would when Redis cannot be asked."""

    def decorate(method: Any) -> Any:
        @wraps(method)
        def asked(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return method(self, *args, **kwargs)
            except (RedisError, OSError) as error:
                logger.warning("the cache cannot be reached: %s", error)
                return answer(*args, **kwargs) if callable(answer) else answer

        return asked

    return decorate


def _given_default(key: Any, default: Any = None, version: int | None = None) -> Any:
    return default


def _no_counter(key: Any, *args: Any, **kwargs: Any) -> Any:
    raise ValueError(f"Key '{key}' not found")


class ForgivingRedisCache(RedisCache):
    """Redis as a cache whose absence is an empty cache.

    Counters of rates (the API's, sign-in's, a connection's) start anew when Redis is away: they do not count
    meanwhile, and pages go on. Nothing that must be remembered is kept here.
    """

    get = _or(_given_default)(RedisCache.get)
    get_many = _or(lambda *args, **kwargs: {})(RedisCache.get_many)
    set = _or(None)(RedisCache.set)
    set_many = _or(lambda data, *args, **kwargs: list(data))(RedisCache.set_many)
    add = _or(True)(RedisCache.add)
    incr = _or(_no_counter)(RedisCache.incr)
    touch = _or(False)(RedisCache.touch)
    has_key = _or(False)(RedisCache.has_key)
    delete = _or(False)(RedisCache.delete)
    delete_many = _or(None)(RedisCache.delete_many)
    clear = _or(False)(RedisCache.clear)
