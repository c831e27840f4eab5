"""What the vault's pages show."""

from dataclasses import dataclass
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Page as PaginatorPage
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet

from coreengine.database.kept_pages import KeptPages
from coreengine.database.kept_queries import KeptQuery, owner_with
from coreengine.kernel.errors import DomainError
from coreengine.kernel.typing import Request
from resources.errors import DuplicateFile
from resources.filters import SORT_LABELS, SORTS, ResourceFilter, chosen_of, sorted_by
from resources.groupings import Choice, Grouping, groupings, labels_of
from resources.models import Resource
from resources.reports import PAGE_SIZE, FoundResource, FoundResources, search_resources
from resources.rules import safe_file_name
from resources.services import upload_file

LIST_SIZE = 50


@dataclass(frozen=True)
class Row:
    """One line of a list: a resource, what matched in it, and what it belongs to."""

    found: FoundResource
    labels: list[Choice]

    @property
    def resource(self) -> Resource:
        """Return the resource itself."""
        return self.found.resource


@dataclass(frozen=True)
class FilterChoice:
    """A select of the filter bar."""

    grouping: Grouping
    choices: list[Choice]
    chosen: str


@dataclass(frozen=True)
class VaultList:
    """The list of the vault, or what a search in it found."""

    rows: list[Row]
    words: str
    chosen: dict[str, Any]
    page: PaginatorPage | None
    found: FoundResources | None
    next_page: int | None
    count_text: str

    @property
    def is_reading(self) -> bool:
        """Say whether the text of anything on this page is still being read."""
        return any(row.resource.is_reading for row in self.rows)

    @property
    def is_filtered(self) -> bool:
        """Say whether anything narrows the list down."""
        return bool(self.words or self.chosen)


def vault_list(request: Request) -> VaultList:
    """Build the list from the address: q, kind, tag, course, sort, page."""
    words = request.GET.get("q", "").strip()
    number, sort = _page_number(request), request.GET.get("sort", "")
    chosen = chosen_of(request)
    if not words and not chosen:
        return _paged(request, _all_of(request.user.pk, sort), number)
    resources = Resource.objects.visible_to(request.user).kept()
    filtered = ResourceFilter(request.GET, queryset=resources, request=request)
    if words:
        found = search_resources(filtered.qs, words, offset=(number - 1) * PAGE_SIZE)
        rows = _rows(request, found.items)
        next_page = number + 1 if found.has_more else None
        return VaultList(rows, words, chosen, None, found, next_page, _found_text(found, words))
    return _paged(request, sorted_by(filtered.qs.light(), sort), number, chosen)


def _paged(request: Request, resources: Any, number: int, chosen: dict[str, Any] | None = None) -> VaultList:
    page = Paginator(resources, LIST_SIZE).get_page(number)
    rows = _rows(request, [FoundResource(resource, resource.title) for resource in page])
    total = page.paginator.count
    count_text = f"{total:,} {'thing' if total == 1 else 'things'}"
    return VaultList(rows, "", chosen or {}, page, None, None, count_text)


def _all_of(owner: int, sort: str) -> KeptPages:
    """The whole vault, to be shown in pages."""
    sort = sort if sort in SORTS else "newest"
    return KeptPages(
        LIST_SIZE,
        total=lambda: _KEPT.total(owner=owner),
        first=lambda size: _FIRST.objects(owner=owner, sort=sort, size=size),
        rest=lambda: _ordered(owner, sort),
    )


def _ordered(owner: int, sort: str) -> QuerySet[Resource]:
    return sorted_by(Resource.objects.visible_to(owner_with(owner)).kept().light(), sort)


_FIRST = KeptQuery(lambda owner, sort, size: _ordered(owner, sort)[:size], owner=int)
_KEPT = KeptQuery(lambda owner: Resource.objects.visible_to(owner_with(owner)).kept().as_count(), owner=int)


def filter_choices(request: Request) -> list[FilterChoice]:
    """List the filters that upper apps offer and that have something to choose."""
    return [
        FilterChoice(grouping, choices, request.GET.get(grouping.key, ""))
        for grouping in groupings()
        if (choices := grouping.choices(request.user))
    ]


def what_there_is(request: Request) -> tuple[bool, bool]:
    """Say whether the vault has anything, and whether its trash has."""
    found = _COUNTED.rows(owner=request.user.pk)
    return (found[0][0] > 0, found[0][1] > 0) if found else (False, False)


def _counted(owner: int) -> QuerySet[Any]:
    own = Resource.objects.visible_to(owner_with(owner)).order_by().values("owner_id")
    trashed = Q(trashed_at__isnull=False)
    return own.annotate(kept=Count("pk", filter=~trashed), trashed=Count("pk", filter=trashed)).values_list(
        "kept", "trashed"
    )


_COUNTED = KeptQuery(_counted, owner=int)


def tags_of(request: Request) -> list[tuple[str, int]]:
    """List (tag, count), most used first."""
    return _TAGS.rows(owner=request.user.pk)


def _tags(owner: int) -> QuerySet[Any]:
    tags: QuerySet[Any] = Resource.objects.visible_to(owner_with(owner)).kept().tag_counts()
    return tags


_TAGS = KeptQuery(_tags, owner=int)


def sort_choices(request: Request) -> list[tuple[str, str, bool]]:
    """List (value, label, is chosen)."""
    chosen = request.GET.get("sort", "newest")
    return [(value, label, value == chosen) for value, label in SORT_LABELS.items()]


@dataclass(frozen=True)
class UploadOutcome:
    """What became of one file: a resource, or the reason why not (and perhaps where it is already)."""

    name: str
    resource: Resource | None = None
    reason: str = ""
    existing_id: int | None = None


def take_uploads(request: Request, files: list[UploadedFile]) -> list[UploadOutcome]:
    """Keep each file; one that is refused harms no other."""
    refused = [
        UploadOutcome(safe_file_name(name or ""), reason=reason)
        for name, reason in getattr(request, "refused_uploads", [])
    ]
    return [*(take_upload(request, file) for file in files), *refused]


def take_upload(request: Request, file: UploadedFile) -> UploadOutcome:
    """Keep one file, or say why it was refused."""
    name = safe_file_name(file.name or "")
    try:
        return UploadOutcome(name, resource=upload_file(file, name=file.name or "", by=request.user))
    except DuplicateFile as error:
        return UploadOutcome(name, reason=str(error), existing_id=error.existing_id)
    except DomainError as error:
        return UploadOutcome(name, reason=str(error))


def _rows(request: Request, items: list[FoundResource]) -> list[Row]:
    labels = labels_of(request.user, [item.resource.pk for item in items])
    return [Row(item, labels.get(item.resource.pk, [])) for item in items]


def _found_text(found: FoundResources, words: str) -> str:
    if not found.count:
        return "Nothing found"
    how_many = f"More than {found.count:,}" if found.is_capped else f"{found.count:,}"
    return f"{how_many} found"


def _page_number(request: Request) -> int:
    value = request.GET.get("page", "1")
    return min(max(int(value), 1), 1000) if value.isdecimal() and len(value) < 6 else 1
