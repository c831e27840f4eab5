"""Addresses of the pages of grades."""

from django.urls import path

from courses.grading import rules_views, scenario_views, views

SCENARIO = "courses/<int:pk>/grades/scenarios/<int:scenario_pk>/"

grade_urls = [
    path("grades/", views.overview, name="all-grades"),
    path("grades/scale/", rules_views.own_scale, name="own-scale"),
    path("courses/<int:pk>/grades/", views.course_grades, name="grades"),
    path("courses/<int:pk>/grades/what-if/", views.what_if, name="what-if"),
    path("courses/<int:pk>/grades/rules/", rules_views.grading_rules, name="grading-rules"),
    path("courses/<int:pk>/grades/groups/", rules_views.groups, name="grading-groups"),
    path("courses/<int:pk>/grades/work/<int:work_pk>/", rules_views.own_grade, name="own-grade"),
    path("courses/<int:pk>/grades/scenarios/", scenario_views.compare, name="compare-scenarios"),
    path(f"{SCENARIO}rename/", scenario_views.rename, name="rename-scenario"),
    path(f"{SCENARIO}copy/", scenario_views.copy, name="copy-scenario"),
    path(f"{SCENARIO}delete/", scenario_views.delete, name="delete-scenario"),
    path(f"{SCENARIO}restore/", scenario_views.restore, name="restore-scenario"),
]
