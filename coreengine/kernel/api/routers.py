"""The API's router: every app registers its collections on its own and the root joins them."""

from rest_framework.routers import SimpleRouter


class ApiRouter(SimpleRouter):
    """Collections at `name/`, things at `name/{id}/`; ids are whole numbers."""

    def __init__(self) -> None:
        super().__init__(trailing_slash=True)
