"""The courses app."""

from django.apps import AppConfig


class CoursesConfig(AppConfig):
    name = "courses"

    def ready(self) -> None:
        """Register what this app adds to shared screens."""
        from courses import event_types, screens
        from courses.reminders import screens as reminder_screens

        screens.register()
        reminder_screens.register()
        event_types.register()
