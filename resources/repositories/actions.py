"""What workflows can ask about repositories: the system actions that turn a source's records into ours."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from coreengine.kernel.actions import ActionContext, system_action
from resources.repositories import services
from resources.repositories.activity import Told, import_activity
from resources.repositories.importing import import_repositories, imported_repository

MOST_RECORDS = 10_000


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    source: str = Field(min_length=1, max_length=100, description="Who the records come from: connection:12")


class ImportRepositories(Params):
    repositories: list[Any] = Field(max_length=MOST_RECORDS, description="What the source's get_repositories returned")
    is_complete: bool = Field(True, description="The list is all there is: what it leaves out is gone from the source")


class OfOne(Params):
    repository_id: str = Field(min_length=1, max_length=200, description="The source's id of the repository")


class ImportActivity(OfOne):
    commits: list[Any] = Field(default_factory=list, max_length=MOST_RECORDS, description="What get_commits returned")
    issues: list[Any] = Field(default_factory=list, max_length=MOST_RECORDS, description="What get_issues returned")
    pulls: list[Any] = Field(
        default_factory=list, max_length=MOST_RECORDS, description="What get_pull_requests returned"
    )
    runs: list[Any] = Field(
        default_factory=list, max_length=MOST_RECORDS, description="What get_workflow_runs returned"
    )
    branch: str = Field("", max_length=255, description="Where the commits are; the default branch if empty")
    head_sha: str = Field("", max_length=64, description="The commit that the branch points to now")
    is_forced: bool = Field(False, description="The branch points there whatever was told before")
    note: str | None = Field(None, max_length=2_000, description="What could not be read, in words")


class SetWebhook(OfOne):
    webhook_id: str = Field("", max_length=64, description="The source's id of the webhook; empty where there is none")
    problem: str = Field("", max_length=2_000, description="Why there is none, in words")


class KeepFiles(OfOne):
    files: list[Any] = Field(max_length=100, description="What download_file or download_archive returned, as a list")
    sha: str = Field("", max_length=64, description="The commit that they are of, once all of them are kept")


@system_action(
    "repositories.import", params=ImportRepositories, writes=True, summary="Bring repositories in from a source"
)
def import_repositories_action(context: ActionContext, params: ImportRepositories) -> dict[str, Any]:
    result = import_repositories(
        context.owner,
        source=params.source,
        repositories=params.repositories,
        by=context.actor,
        is_complete=params.is_complete,
    )
    return result.as_json()


@system_action(
    "repositories.import_activity",
    params=ImportActivity,
    writes=True,
    summary="Bring in what happened in a repository: commits, issues, pull requests, CI runs",
)
def import_activity_action(context: ActionContext, params: ImportActivity) -> dict[str, Any]:
    told = Told(**params.model_dump(exclude={"source", "repository_id"}))
    result = import_activity(
        context.owner, source=params.source, repository_id=params.repository_id, told=told, by=context.actor
    )
    return result.as_json()


@system_action(
    "repositories.set_webhook",
    params=SetWebhook,
    writes=True,
    summary="Note that a repository's source tells at once of what happens in it, or why not",
)
def set_webhook_action(context: ActionContext, params: SetWebhook) -> dict[str, Any]:
    repository = imported_repository(context.owner, source=params.source, repository_id=params.repository_id)
    repository = services.set_webhook(
        repository, webhook_id=params.webhook_id, problem=params.problem, by=context.actor
    )
    return {"repository": repository.pk, "is_live": repository.is_live}


@system_action(
    "repositories.keep_files",
    params=KeepFiles,
    writes=True,
    summary="Put downloaded files of a repository into the vault",
)
def keep_files_action(context: ActionContext, params: KeepFiles) -> dict[str, Any]:
    repository = imported_repository(context.owner, source=params.source, repository_id=params.repository_id)
    result = services.keep_files(repository, files=params.files, sha=params.sha, by=context.actor)
    return result.as_json()
