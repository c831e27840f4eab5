"""What workflows add to shared screens."""

from coreengine.kernel.screens import Card, register_card
from workflows.cards import recent_executions


def register() -> None:
    """Register the dashboard's card."""
    register_card(
        Card("workflows", "Workflows", "workflows/_executions_card.html", recent_executions, 40, region="side")
    )
