"""What workflows add to shared screens."""

from coreengine.kernel.screens import Card, NavItem, register_card, register_nav
from workflows.cards import recent_executions


def register() -> None:
    """Register the entry of the navigation and the dashboard's card."""
    register_nav(NavItem("workflows", "Workflows", "workflow", "workflows:list", 60))
    register_card(
        Card(
            "workflows",
            "Workflows",
            "workflows/_executions_card.html",
            recent_executions,
            40,
            region="side",
            more_url_name="workflows:executions",
            more_label="All executions",
        )
    )
