"""Addresses of the agents' pages."""

from django.urls import path

from agents import views

app_name = "agents"

urlpatterns = [
    path("agents/", views.agent_list, name="list"),
    path("agents/runs/", views.run_list, name="runs"),
    path("agents/runs/<int:pk>/", views.run, name="run"),
    path("agents/runs/<int:pk>/stop/", views.stop, name="stop"),
    path("agents/runs/<int:pk>/retry/", views.retry, name="retry"),
    path("agents/<slug:name>/", views.agent, name="agent"),
    path("agents/<slug:name>/policy/", views.policy, name="policy"),
    path("agents/<slug:name>/estimate/", views.estimate, name="estimate"),
    path("settings/agents/", views.settings, name="settings"),
]
