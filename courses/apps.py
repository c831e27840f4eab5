"""The courses app."""

from django.apps import AppConfig


class CoursesConfig(AppConfig):
    name = "courses"

    def ready(self) -> None:
        """Register what this app adds to shared screens."""
        from courses import screens
        from courses.course_page import registration

        screens.register()
        registration.register()
