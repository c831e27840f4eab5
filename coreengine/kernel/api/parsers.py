"""Reading request bodies of the API."""

from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

MAX_DEPTH = 100
TOO_DEEP = f"The JSON is nested deeper than {MAX_DEPTH} levels."


class BoundedJSONParser(JSONParser):
    """JSON of bounded nesting: what is deeper would exhaust the stack of the reader, or of whoever walks it later."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Read the body.

        Raises:
            ParseError: it is not JSON, or nested too deep.
        """
        try:
            data = super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise ParseError(TOO_DEEP) from None
        level, depth = [data], 0
        while level:
            depth += 1
            if depth > MAX_DEPTH:
                raise ParseError(TOO_DEEP)
            children: list[Any] = []
            for value in level:
                if isinstance(value, dict):
                    children.extend(value.values())
                elif isinstance(value, list):
                    children.extend(value)
            level = children
        return data
