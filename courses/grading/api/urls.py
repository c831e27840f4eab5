"""API addresses of grades."""

from django.urls import path

from courses.grading.api.views import CourseGradesView, GradesView, GroupsView, OwnGradeView, OwnScaleView, WhatIfView

grade_urls = [
    path("grades/", GradesView.as_view(), name="grades"),
    path("grades/scale/", OwnScaleView.as_view(), name="own-scale"),
    path("courses/<int:pk>/grades/", CourseGradesView.as_view(), name="course-grades"),
    path("courses/<int:pk>/grades/what-if/", WhatIfView.as_view(), name="course-what-if"),
    path("courses/<int:pk>/grades/groups/", GroupsView.as_view(), name="course-groups"),
    path("courses/<int:pk>/grades/work/<int:work_pk>/", OwnGradeView.as_view(), name="own-grade"),
]
