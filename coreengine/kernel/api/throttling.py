"""How many requests one person may make, told in headers."""

from typing import Any

from rest_framework.throttling import SimpleRateThrottle


class PerUser(SimpleRateThrottle):
    """One budget a person, over sessions and tokens; strangers share one by address."""

    scope = "user"
    num_requests: int
    duration: int

    def get_cache_key(self, request: Any, view: Any) -> str | None:
        if request.user and request.user.is_authenticated:
            ident = f"user-{request.user.pk}"
        else:
            ident = self.get_ident(request)
        request.rate_limit = self
        return self.cache_format % {"scope": self.scope, "ident": ident}

    def headers(self) -> dict[str, str]:
        """Return the RateLimit headers of the answer to this request."""
        if not self.rate or not hasattr(self, "history"):
            return {}
        left = max(0, self.num_requests - len(self.history))
        reset = int(self.duration - (self.now - self.history[-1])) if self.history else int(self.duration)
        return {
            "RateLimit-Limit": str(self.num_requests),
            "RateLimit-Remaining": str(left),
            "RateLimit-Reset": str(max(0, reset)),
        }
