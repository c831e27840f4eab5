"""How allauth makes accounts and sends its mails here."""

from allauth.account.adapter import DefaultAccountAdapter


class AccountAdapter(DefaultAccountAdapter):
    """Accounts by e-mail address, as the settings say."""
