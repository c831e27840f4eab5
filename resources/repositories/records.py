"""The records of repositories that an import accepts; how values are read: `coreengine.kernel.importing.records`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from coreengine.kernel.importing.records import (
    Address,
    Count,
    Flag,
    Name,
    Record,
    Short,
    Time,
    Word,
    Words,
    as_list,
    as_text,
    as_utc,
    cut,
)
from resources.repositories.ci import status_of_run

MAX_MESSAGE = 10_000
MAX_LABELS = 30

Hash = Annotated[str, BeforeValidator(as_text), Field(pattern=r"^[0-9a-f]{7,64}$")]
OptionalHash = Annotated[str, BeforeValidator(as_text), Field(pattern=r"^([0-9a-f]{7,64})?$")]
Moment = Annotated[datetime, AfterValidator(as_utc)]
Message = Annotated[str, BeforeValidator(as_text), AfterValidator(cut(MAX_MESSAGE))]
Labels = Annotated[Words, BeforeValidator(as_list), AfterValidator(lambda names: names[:MAX_LABELS])]


class RepositoryRecord(Record):
    full_name: Name
    description: Annotated[str, BeforeValidator(as_text), AfterValidator(cut(5_000))] = ""
    html_url: Address = ""
    default_branch: Short = ""
    language: Word = ""
    topics: Labels = Field(default_factory=list)
    is_private: Flag = False
    is_fork: Flag = False
    is_archived: Flag = False
    has_issues: Flag = True
    may_administer: Flag = False
    pushed_at: Time = None


class CommitRecord(Record):
    """`id` is the commit's hash."""

    id: Hash
    message: Message = ""
    author: Short = ""
    branch: Short = ""
    html_url: Address = ""
    committed_at: Moment


class IssueRecord(Record):
    """An issue, or a pull request where the list is one of those; `id` is what the source calls it."""

    number: Annotated[int, Field(ge=1, le=10**15)]
    title: Name
    state: Word = "open"
    is_draft: Flag = False
    author: Short = ""
    labels: Labels = Field(default_factory=list)
    branch: Short = ""
    html_url: Address = ""
    opened_at: Moment
    closed_at: Time = None
    updated_at: Moment


class RunRecord(Record):
    name: Name
    title: Short = ""
    number: Annotated[int, Field(ge=0, le=10**15)] = 0
    attempt: Count = 1
    branch: Short = ""
    sha: OptionalHash = ""
    state: Word = ""
    conclusion: Word = ""
    html_url: Address = ""
    started_at: Moment
    updated_at: Moment

    @property
    def status(self) -> str:
        """The source's two words as one of ours."""
        return status_of_run(self.state, self.conclusion)
