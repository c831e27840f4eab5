"""Addresses of the planner; the names are those of courses."""

from django.urls import path

from courses.planning import task_views, views

urlpatterns = [
    path("planner/", views.planner, name="planner"),
    path("planner/act/", views.act, name="planner-act"),
    path("planner/items/<str:key>/", views.item, name="planner-item"),
    path("planner/items/<str:key>/mark/", views.item_mark, name="planner-item-mark"),
    path("planner/tasks/new/", task_views.task_new, name="new-own-task"),
    path("planner/tasks/quick/", task_views.quick, name="quick-task"),
    path("planner/tasks/<int:pk>/", task_views.task_detail, name="own-task"),
    path("planner/tasks/<int:pk>/edit/", task_views.task_edit, name="edit-own-task"),
    path("planner/tasks/<int:pk>/done/", task_views.task_done, name="own-task-done"),
    path("planner/tasks/<int:pk>/delete/", task_views.task_delete, name="delete-own-task"),
    path("planner/tasks/<int:pk>/restore/", task_views.task_restore, name="restore-own-task"),
    path("planner/tasks/<int:pk>/subtasks/", task_views.subtask_add, name="add-subtask"),
    path("planner/tasks/<int:pk>/subtasks/order/", task_views.subtasks_order, name="order-subtasks"),
    path("planner/subtasks/<int:pk>/", task_views.subtask_act, name="subtask"),
]
