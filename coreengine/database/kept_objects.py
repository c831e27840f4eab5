"""Models out of the rows of a kept statement, as Django's own iteration would make them.

It skips `Model.__init__`, which takes most of the time of a long list, and makes what many rows point to once. What
hangs on a row by a one-to-one of its own does not know the row. It is only for reading: models that listen to
`post_init` or have parents are refused.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.db.models.base import ModelState
from django.db.models.signals import post_init, pre_init


class _Part:
    """The columns of one model in a row, and the models that hang on it."""

    def __init__(self, info: dict[str, Any], select: list[Any]) -> None:
        self.model: type[Model] = info["model"]
        listened = pre_init.has_listeners(self.model) or post_init.has_listeners(self.model)
        assert not listened and not self.model._meta.parents, f"{self.model} wants to be made by Django"
        fields = info["select_fields"]
        self.columns = slice(fields[0], fields[-1] + 1)
        self.names = [select[at][0].target.attname for at in fields]
        assert fields == list(range(fields[0], fields[-1] + 1)), "the columns of a model should stand together"
        self.key = fields[0] + self.names.index(self.model._meta.pk.attname)  # type: ignore[union-attr]
        self.related = [_Related(each, select) for each in info.get("related_klass_infos", [])]

    def make(self, row: tuple[Any, ...], known: dict[Any, Model]) -> Model:
        made = self.model.__new__(self.model)
        state = ModelState()
        state.adding, state.db = False, "default"
        made.__dict__.update(zip(self.names, row[self.columns], strict=True), _state=state)
        for related in self.related:
            related.join(row, made, known)
        return made


class _Related(_Part):
    """A joined model."""

    def __init__(self, info: dict[str, Any], select: list[Any]) -> None:
        super().__init__(info, select)
        self.set_here, self.set_there = info["local_setter"], info["remote_setter"]
        self.is_reverse = info["reverse"]
        self.is_shared = not self.is_reverse and not info["field"].unique

    def join(self, row: tuple[Any, ...], holder: Model, known: dict[Any, Model]) -> None:
        key = row[self.key]
        if key is None:
            self.set_here(holder, None)
            return
        made = known.get((self, key)) if self.is_shared else None
        if made is None:
            made = self.make(row, known)
            if self.is_shared:
                known[self, key] = made
        self.set_here(holder, made)
        if not self.is_reverse:  # else both would point to each other, and wait for the collector
            self.set_there(made, holder)


class Maker:
    """Makes the models of one statement; built from its compiler once the SQL is made."""

    def __init__(self, compiler: Any) -> None:
        self.compiler = compiler
        self.part = _Part(compiler.klass_info, compiler.select)
        self.annotations = list(compiler.annotation_col_map.items())
        self.converters = compiler.get_converters([column for column, _, _ in compiler.select])

    def objects(self, rows: list[tuple[Any, ...]]) -> list[Any]:
        """Make one model a row."""
        if self.converters:
            rows = [tuple(row) for row in self.compiler.apply_converters(rows, self.converters)]
        known: dict[Any, Model] = {}
        made = []
        for row in rows:
            each = self.part.make(row, known)
            for name, at in self.annotations:
                each.__dict__[name] = row[at]
            made.append(each)
        return made
