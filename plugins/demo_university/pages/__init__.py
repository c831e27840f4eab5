"""What a person sees of the university: its front page, sign-in, tokens, OAuth2 consent and the courses."""

from .routes import not_found_page, routes

__all__ = ["not_found_page", "routes"]
