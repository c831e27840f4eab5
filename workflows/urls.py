"""Addresses of the pages of workflows and executions."""

from django.urls import path

from workflows import (
    approval_views,
    dry_run_views,
    gallery_views,
    rerun_views,
    trigger_views,
    version_views,
    views,
)

app_name = "workflows"

urlpatterns = [
    path("workflows/", views.workflow_list, name="list"),
    path("workflows/gallery/", gallery_views.gallery, name="gallery"),
    path("workflows/gallery/<slug:key>/", gallery_views.item, name="gallery-item"),
    path("workflows/gallery/<slug:key>/use/", gallery_views.use, name="gallery-use"),
    path("workflows/new/", version_views.new, name="new"),
    path("workflows/preview/", version_views.preview, name="preview"),
    path("workflows/<int:pk>/", views.detail, name="detail"),
    path("workflows/<int:pk>/edit/", version_views.edit, name="edit"),
    path("workflows/<int:pk>/start/", views.start, name="start"),
    path("workflows/<int:pk>/active/", views.set_workflow_active, name="set-active"),
    path("workflows/<int:pk>/delete/", views.delete, name="delete"),
    path("workflows/<int:pk>/restore/", views.restore, name="restore"),
    path("workflows/<int:pk>/draft/discard/", version_views.discard, name="discard-draft"),
    path("workflows/<int:pk>/dry-run/", dry_run_views.try_out, name="dry-run"),
    path("workflows/<int:pk>/diff/", version_views.diff, name="diff"),
    path("workflows/<int:pk>/versions/", version_views.versions, name="versions"),
    path("workflows/<int:pk>/versions/<int:number>/", version_views.version, name="version"),
    path("workflows/<int:pk>/versions/<int:number>/restore/", version_views.restore, name="restore-version"),
    path("approvals/", approval_views.approvals, name="approvals"),
    path("approvals/<str:token>/", approval_views.approval, name="approval"),
    path("executions/", views.executions, name="executions"),
    path("executions/<int:pk>/", views.execution, name="execution"),
    path("executions/<int:pk>/cancel/", views.cancel, name="cancel"),
    path("executions/<int:pk>/retry/", rerun_views.retry, name="retry"),
    path("executions/<int:pk>/rerun/", rerun_views.rerun, name="rerun"),
    path("executions/<int:pk>/restart/", views.restart, name="restart"),
    path("executions/<int:pk>/log/", views.log, name="log"),
    path("executions/<int:pk>/items/<int:step_pk>/", views.items, name="items"),
    path("executions/<int:pk>/steps/<int:step_pk>/", views.step, name="step"),
    path("workflows/<int:pk>/triggers/<int:trigger_pk>/", trigger_views.detail, name="trigger"),
    path("workflows/<int:pk>/triggers/<int:trigger_pk>/address/", trigger_views.rotate_address, name="trigger-address"),
    path("workflows/<int:pk>/triggers/<int:trigger_pk>/signing/", trigger_views.signing, name="trigger-signing"),
    path(
        "workflows/<int:pk>/triggers/<int:trigger_pk>/deliveries/<int:delivery_pk>/",
        trigger_views.delivery,
        name="delivery",
    ),
    path(
        "workflows/<int:pk>/triggers/<int:trigger_pk>/deliveries/<int:delivery_pk>/replay/",
        trigger_views.replay,
        name="delivery-replay",
    ),
    path("hooks/workflows/<str:secret>/", trigger_views.hook, name="hook"),
]
