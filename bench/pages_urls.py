"""The project's addresses and the floor page, which only the benchmark of pages has."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from coreengine.urls import urlpatterns as project
from courses.models import Assignment


def floor(request: HttpRequest) -> HttpResponse:
    """List fifty rows of one joined query in the base template."""
    rows = Assignment.objects.filter(owner_id=request.user.pk).select_related("course")
    rows = rows.only("name", "course__name").order_by("pk")[:50]
    return render(request, "bench_floor.html", {"rows": rows})


urlpatterns = [path("bench/floor/", floor), *project]
for _name in ("handler400", "handler403", "handler404", "handler500"):
    globals()[_name] = getattr(__import__("coreengine.urls", fromlist=[_name]), _name, None)
