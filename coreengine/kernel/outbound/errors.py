"""Why a request did not go out, or what became of it, in words for the person who wanted it."""

from __future__ import annotations


class RequestFailed(Exception):
    """A request to another host cannot be served. `code` is for programs, the message for people."""

    def __init__(self, code: str, message: str, *, retryable: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
        self.retry_after_s = retry_after_s
