"""The courses app."""

from django.apps import AppConfig


class CoursesConfig(AppConfig):
    name = "courses"

    def ready(self) -> None:
        """Register what this app adds to shared screens."""
        from courses import screens
        from courses.maps import registration as maps
        from courses.workplan import registration as workplan

        screens.register()
        workplan.register()
        maps.register()
