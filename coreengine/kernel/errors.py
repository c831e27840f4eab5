"""The families of errors, and how each is told to people and programs.

Three kinds cross a service's border: Django's ValidationError (the input is wrong), DomainError (a rule
says no) and ExternalError (someone else failed). Middleware maps them for pages, the API's exception
handler for programs; views catch none of them.
"""


class DomainError(Exception):
    """A rule of the product says no. The message is for people: what happened, to what, what to do."""

    code = "not_possible"
    status = 409
    title = "That is not possible"

    def __init__(self, message: str = "", *, code: str | None = None) -> None:
        super().__init__(message or self.title)
        if code:
            self.code = code


class NotAllowed(DomainError):
    """The person may see the thing but not do this to it."""

    code = "not_allowed"
    status = 403
    title = "You may not do that"


class TooLarge(DomainError):
    """Something is larger than the limit that the message names."""

    code = "too_large"
    status = 413
    title = "That is too large"


class ExternalError(Exception):
    """A service outside failed. `retryable` says whether the same call may work later."""

    code = "external_error"
    status = 502
    title = "Another service failed"

    def __init__(
        self,
        message: str = "",
        *,
        retryable: bool = True,
        code: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message or self.title)
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        if code:
            self.code = code
