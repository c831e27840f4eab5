"""Make the demo accounts of development."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from coreengine.accounts.services import DEMO_PASSWORD, seed_demo_accounts


class Command(BaseCommand):
    help = "Make the demo accounts (development only). Safe to run twice."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO_ACCOUNTS:
            raise CommandError("Demo accounts have a published password; they exist in development only.")
        for user in seed_demo_accounts():
            self.stdout.write(f"{user.email}  password: {DEMO_PASSWORD}")
