"""The courses app."""

from django.apps import AppConfig


class CoursesConfig(AppConfig):
    name = "courses"

    def ready(self) -> None:
        """Register what this app adds to shared screens."""
        from courses import event_types, screens
        from courses.calendar import screens as calendar
        from courses.course_page import registration as course_page
        from courses.maps import registration as maps
        from courses.planning import screens as planning
        from courses.reminders import screens as reminders
        from courses.sameness import screens as sameness
        from courses.workplan import registration as workplan

        for part in (screens, planning, calendar, course_page, sameness, workplan, maps, reminders, event_types):
            part.register()
