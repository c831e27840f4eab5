"""API addresses of workflows and executions."""

from coreengine.kernel.api.routers import ApiRouter
from workflows.api.approval_views import ApprovalViewSet
from workflows.api.trigger_views import DeliveryViewSet, TriggerViewSet
from workflows.api.views import ExecutionViewSet, WorkflowViewSet

router = ApiRouter()
router.register("workflows", WorkflowViewSet, basename="workflow")
router.register("executions", ExecutionViewSet, basename="execution")
router.register("approvals", ApprovalViewSet, basename="approval")

TRIGGERS = r"workflows/(?P<workflow_pk>\d+)/triggers"
router.register(TRIGGERS, TriggerViewSet, basename="workflow-trigger")
router.register(rf"{TRIGGERS}/(?P<trigger_pk>\d+)/deliveries", DeliveryViewSet, basename="workflow-delivery")
