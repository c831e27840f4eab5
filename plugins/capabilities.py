"""The capabilities that a manifest may declare, as people read them."""

from __future__ import annotations

CAPABILITY_WORDS = {
    "read_courses": ("book-open", "Read your courses"),
    "read_assignments": ("list-checks", "Read assignments and due dates"),
    "read_grades": ("award", "Read grades and submissions"),
    "read_files": ("file", "Read files"),
    "write_files": ("file-pen", "Write files"),
    "read_repositories": ("folder-git-2", "Read repositories"),
    "write_planner": ("calendar-check", "Mark things done in your planner"),
    "send_notifications": ("bell", "Send notifications"),
    "webhook_receiver": ("webhook", "Receive messages from the service"),
}
"""Icon and words of each."""

_ICONS = {"read_courses": "graduation-cap", "read_repositories": "folder-git-2", "write_files": "hard-drive"}


def icon_for(capabilities: tuple[str, ...]) -> str:
    """Return the icon of a plugin by the first thing that sets it apart."""
    return next((icon for name, icon in _ICONS.items() if name in capabilities), "plug")
