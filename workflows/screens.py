"""What workflows add to shared screens."""

from coreengine.kernel.notifications import NotificationKind, register_kind
from coreengine.kernel.screens import Card, NavItem, register_card, register_nav
from workflows.cards import approvals_waiting, workflows_card


def register() -> None:
    """Register the entry of the navigation and the dashboard's cards."""
    register_kind(NotificationKind("workflow", "Workflows", "workflow", "What a workflow tells, or why it failed.", 40))
    register_kind(NotificationKind("approval", "Questions", "user-check", "A workflow waits for your decision.", 50))
    also = ("workflows:executions", "workflows:approvals")
    register_nav(
        NavItem("workflows", "Workflows", "workflow", "workflows:list", 60, count=approvals_waiting, also=also)
    )
    register_card(
        Card(
            "workflows",
            "Workflows",
            "workflows/_executions_card.html",
            workflows_card,
            40,
            more_url_name="workflows:executions",
            more_label="All executions",
            lines=5,
        )
    )
