"""The filters of the list of repositories, the same for its page and its API."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet

from coreengine.kernel.statuses import Status
from resources.repositories.models import Repository, RepositoryIssue


class RepositoryFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="with_words", help_text="words to look for in names and descriptions")
    source = django_filters.CharFilter(help_text="connection:12")
    language = django_filters.CharFilter(help_text="C, Python, ...")
    ci_status = django_filters.ChoiceFilter(choices=Status.choices, help_text="where the last commit stands")
    missing = django_filters.BooleanFilter(
        field_name="missing_since", lookup_expr="isnull", exclude=True, help_text="no longer at the source"
    )

    class Meta:
        model = Repository
        fields = ["q", "source", "language", "ci_status", "missing"]

    def with_words(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return queryset.filter(pk__in=queryset.matching(value).order_by().values("pk"))


class IssueFilter(django_filters.FilterSet):
    kind = django_filters.ChoiceFilter(choices=RepositoryIssue.Kind.choices, help_text="issue or pull")
    state = django_filters.ChoiceFilter(choices=RepositoryIssue.State.choices, help_text="open, closed or merged")

    class Meta:
        model = RepositoryIssue
        fields = ["kind", "state"]
