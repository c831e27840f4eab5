"""Make a personal access token from the command line."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from coreengine.accounts.models import ApiToken, User
from coreengine.accounts.services import create_api_token


class Command(BaseCommand):
    help = "Make an access token for a person and print only the token."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="command line")
        parser.add_argument("--scope", choices=ApiToken.Scope.values, default=ApiToken.Scope.WRITE)

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email__iexact=options["email"]).first()
        if user is None:
            raise CommandError(f"Nobody here has the address {options['email']}.")
        _, secret = create_api_token(user, name=options["name"], scope=options["scope"], by=user)
        self.stdout.write(secret)
