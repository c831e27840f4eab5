"""API addresses of the vault."""

from coreengine.kernel.api.routers import ApiRouter
from resources.api.repositories import RepositoryViewSet
from resources.api.views import ResourceViewSet

router = ApiRouter()
router.register("resources", ResourceViewSet, basename="resource")
router.register("repositories", RepositoryViewSet, basename="repository")
