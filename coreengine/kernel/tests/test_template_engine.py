"""What a template showed is gone once it is rendered."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from django.template import TemplateDoesNotExist, engines
from django.test import RequestFactory

from coreengine.kernel.template_engine import Templates


class Shown:
    """Something that a page shows."""

    def __str__(self) -> str:
        return "<shown>"


@pytest.fixture(autouse=True)
def _without_collector() -> Any:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.django_db
def test_nothing_that_was_shown_waits_for_the_collector(owner: Any) -> None:
    request = RequestFactory().get("/")
    request.user = owner
    shown = Shown()
    gone = weakref.ref(shown)

    text = (
        engines["django"]
        .from_string("{% with other=thing %}{{ other }}{% endwith %}")
        .render({"thing": shown}, request)
    )
    del shown

    assert text == "&lt;shown&gt;"
    assert gone() is None


def test_it_is_the_engine_that_libraries_look_for() -> None:
    assert isinstance(engines["django"], Templates)


def test_a_template_that_is_not_there_is_named() -> None:
    with pytest.raises(TemplateDoesNotExist, match="nowhere.html"):
        engines["django"].get_template("nowhere.html")
    with pytest.raises(TemplateDoesNotExist, match="nowhere.html"):
        engines["django"].from_string('{% include "nowhere.html" %}').render({})
