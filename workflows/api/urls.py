"""API addresses of workflows and executions."""

from coreengine.kernel.api.routers import ApiRouter
from workflows.api.views import ExecutionViewSet, WorkflowViewSet

router = ApiRouter()
router.register("workflows", WorkflowViewSet, basename="workflow")
router.register("executions", ExecutionViewSet, basename="execution")
