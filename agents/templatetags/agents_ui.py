"""Money and durations in templates."""

from django import template

from agents import formats

register = template.Library()

register.filter("dollars", formats.dollars)
register.filter("seconds", formats.seconds)


@register.filter
def label(value: str) -> str:
    """A name of the catalog as words: `text_generation` as `text generation`."""
    return str(value).replace("_", " ")
