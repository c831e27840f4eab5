"""Addresses of the plan of work, included by the app's own."""

from django.urls import path

from courses.workplan import views

urlpatterns = [
    path("planner/workload/", views.workload_page, name="workload"),
    path("planner/plan/", views.plan, name="plan"),
    path("planner/plan/by-hand/", views.by_hand, name="plan-by-hand"),
    path("planner/plan/worked/", views.worked, name="worked"),
    path("planner/plan/preferences/", views.preferences, name="plan-preferences"),
    path("planner/plan/propose/", views.propose, name="propose"),
    path("planner/plan/proposals/<int:pk>/accept/", views.accept, name="accept-proposal"),
    path("planner/plan/proposals/<int:pk>/refuse/", views.refuse, name="refuse-proposal"),
    path("planner/plan/proposals/<int:pk>/reopen/", views.reopen, name="reopen-proposal"),
    path("planner/plan/blocks/new/", views.block_add, name="add-block"),
    path("planner/plan/blocks/<int:pk>/move/", views.block_move, name="move-block"),
    path("planner/plan/blocks/<int:pk>/remove/", views.block_remove, name="remove-block"),
    path("planner/plan/blocks/<int:pk>/restore/", views.block_restore, name="restore-block"),
    path("planner/plan/blocks/<int:pk>/start/", views.block_start, name="start-block"),
    path("planner/plan/blocks/<int:pk>/stop/", views.block_stop, name="stop-block"),
    path("planner/plan/blocks/<int:pk>/complete/", views.block_complete, name="complete-block"),
    path("planner/plan/blocks/<int:pk>/skip/", views.block_skip, name="skip-block"),
    path("planner/plan/blocks/<int:pk>/reopen/", views.block_reopen, name="reopen-block"),
]
