"""API addresses of the agents."""

from agents.api.views import AgentRunViewSet, AgentViewSet
from coreengine.kernel.api.routers import ApiRouter

router = ApiRouter()
router.register("agents", AgentViewSet, basename="agent")
router.register("agent-runs", AgentRunViewSet, basename="agent-run")
