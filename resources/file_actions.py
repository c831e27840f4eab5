"""What workflows can ask of the vault about a source's files."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from coreengine.kernel.actions import ActionContext, system_action
from resources.importing import compare_files, import_files

MOST_FILES = 5_000


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    source: str = Field(min_length=1, max_length=80, description="Who tells of the files: connection:12")
    files: list[Any] = Field(max_length=MOST_FILES, description="What the source told or fetched, as a list")
    sweep: str = Field("", max_length=40, description="The name of the look at everything that this is a part of")


class CompareFiles(Params):
    others: list[str] = Field(
        default_factory=list, max_length=20_000, description="Ids that are there and are not brought in"
    )


class ImportFiles(Params):
    removed: list[Any] = Field(default_factory=list, max_length=MOST_FILES, description="What is gone: [{id}]")
    is_sweep_over: bool = Field(False, description="Whether that look has now seen everything")


@system_action(
    "files.compare",
    params=CompareFiles,
    writes=True,
    summary="Tell which of a source's files have to be fetched, and which are here as they are",
)
def compare_files_action(context: ActionContext, params: CompareFiles) -> dict[str, Any]:
    found = compare_files(
        context.owner, source=params.source, files=params.files, others=params.others, sweep=params.sweep
    )
    return found.as_json()


@system_action("files.import", params=ImportFiles, writes=True, summary="Put a source's files into the vault")
def import_files_action(context: ActionContext, params: ImportFiles) -> dict[str, Any]:
    result = import_files(
        context.owner,
        source=params.source,
        files=params.files,
        by=context.actor,
        removed=params.removed,
        sweep=params.sweep,
        is_sweep_over=params.is_sweep_over,
    )
    return result.as_json()
