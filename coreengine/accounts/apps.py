"""People: accounts, profiles and access tokens."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "coreengine.accounts"
    label = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        """Register the settings pages of this app."""
        from coreengine.kernel.screens import SettingsPage, register_settings_page

        register_settings_page(
            SettingsPage("profile", "Profile", "user", "accounts:profile", 10, "Name, time zone and theme")
        )
        register_settings_page(
            SettingsPage("security", "Security", "shield", "accounts:security", 20, "Password and e-mail addresses")
        )
        register_settings_page(
            SettingsPage("tokens", "Access tokens", "key-round", "accounts:tokens", 30, "Let other programs in")
        )
