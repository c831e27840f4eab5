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
        registration.register()
        from courses.sameness import screens as sameness

        screens.register()
        sameness.register()
        from courses.planning import screens as planning

        screens.register()
        planning.register()
        workplan.register()
        maps.register()
        from courses.calendar import screens as calendar_screens

        screens.register()
        calendar_screens.register()
