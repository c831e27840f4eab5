"""The vault: files, notes and links of a student, their text, and the search over everything."""

from django.apps import AppConfig


class ResourcesConfig(AppConfig):
    name = "resources"
    verbose_name = "Vault"

    def ready(self) -> None:
        """Take a place in the navigation and in the search page."""
        from coreengine.kernel.screens import (
            NavItem,
            QuickAdd,
            SearchSource,
            register_nav,
            register_quick_add,
            register_search,
        )
        from resources import hooks, reports  # noqa: F401, hooks register themselves
        from resources.folders import FOLDERS
        from resources.groupings import register_grouping
        from resources.repositories.pages import search_repositories

        register_grouping(FOLDERS)

        register_nav(NavItem("vault", "Vault", "library", "resources:list", order=40))
        register_quick_add(QuickAdd("note", "Note", "notebook-pen", "resources:new_note", 30))
        register_quick_add(QuickAdd("link", "Link", "link", "resources:new_link", 40))
        register_search(SearchSource("vault", "Vault", "library", reports.search_hits, order=10))
        register_search(SearchSource("repositories", "Repositories", "folder-git-2", search_repositories, order=40))
