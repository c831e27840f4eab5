"""Doors of the plugin worker."""

from __future__ import annotations

from celery import Task, shared_task

from plugins import calls, worker  # noqa: F401, its signals belong to the worker that loads the tasks


@shared_task(name="plugins.run_action_call", soft_time_limit=None, time_limit=None, acks_late=False)
def run_action_call(call_id: int) -> None:
    """Run one waiting call. Safe to run twice: the second finds it taken."""
    calls.run_row(call_id)


@shared_task(name="plugins.take_up_forgotten", acks_late=False)
def take_up_forgotten() -> None:
    """Find calls, sign-ins and revocations whose message or worker was lost. Safe to run twice."""
    from plugins.oauth import revocation, sign_in

    calls.take_up_forgotten()
    sign_in.take_up()
    revocation.take_up()


@shared_task(name="plugins.handle_webhooks", soft_time_limit=None, time_limit=None, acks_late=False)
def handle_webhooks(connection_id: int) -> None:
    """Handle the next delivery of a connection, and hint at the one after it. Safe to run twice."""
    from plugins.webhooks import handling

    if handling.handle_next(connection_id) is not None:
        handling.go_on(connection_id)


@shared_task(name="plugins.sync_where_wanted", acks_late=False)
def sync_where_wanted(connection_id: int) -> None:
    """Request the sync that deliveries asked for. Safe to run twice."""
    from plugins.webhooks import syncs

    syncs.ask_for_sync(connection_id)


@shared_task(name="plugins.take_up_deliveries", acks_late=False, expires=30)
def take_up_deliveries() -> None:
    """Find deliveries and syncs that nobody takes care of. Safe to run twice."""
    from plugins.webhooks import handling, syncs

    handling.take_up()
    syncs.ask_for_syncs()


@shared_task(name="plugins.drop_old_deliveries", acks_late=False)
def drop_old_deliveries() -> None:
    """Forget deliveries after the time that the settings say. Safe to run twice."""
    from plugins.webhooks import keeping

    keeping.drop_old()


@shared_task(name="plugins.drop_old_calls", acks_late=False)
def drop_old_calls() -> None:
    """Forget old calls, their results, and old sign-ins. Safe to run twice."""
    from plugins.oauth import sign_in

    calls.drop_old()
    sign_in.drop_old()


@shared_task(name="plugins.finish_sign_in", acks_late=False)
def finish_sign_in(sign_in_id: int) -> None:
    """Trade the code of a sign-in for a token and connect. Safe to run twice: the second finds it taken."""
    from plugins.oauth import sign_in

    sign_in.finish(sign_in_id)


@shared_task(name="plugins.revoke_token", acks_late=False)
def revoke_token(row_id: int) -> None:
    """Give one token of a removed connection back. Safe to run twice."""
    from plugins.oauth import revocation

    revocation.revoke(row_id)


@shared_task(name="plugins.check_idle_connections", acks_late=False)
def check_idle_connections() -> None:
    """Ask connections that nobody used for a day how they are. Safe to run twice."""
    from plugins import health

    health.check_idle()


@shared_task(name="plugins.drop_old_requests", acks_late=False)
def drop_old_requests() -> None:
    """Forget what plugins asked of the outside long ago. Safe to run twice."""
    calls.drop_old_requests()


@shared_task(name="plugins.report_sandbox", acks_late=False)
def report_sandbox() -> None:
    """Tell the pages which sandbox runs here and what it keeps plugins from. Safe to run twice."""
    from plugins.reports import write_report

    write_report()


@shared_task(name="plugins.build_plugin_image", soft_time_limit=None, time_limit=None, acks_late=False)
def build_plugin_image(version_id: int) -> None:
    """Build the image of an installed version, then let it take over. Safe to run twice."""
    from plugins.installing.building import build

    build(version_id)


@shared_task(name="plugins.remove_plugin_images", acks_late=False, bind=True, max_retries=20)
def remove_plugin_images(self: Task, name: str) -> None:
    """Remove the images of a plugin that is gone. Safe to run twice."""
    from plugins.installing.building import remove_images
    from plugins.registry import find_plugin

    if self.request.retries and find_plugin(name) is not None:
        return  # installed again meanwhile
    # Containers that were kept ready go within seconds, those of a call when it is over.
    if remove_images(name) and self.request.retries < 20:
        raise self.retry(countdown=10)


@shared_task(name="plugins.align_plugin_schedules")
def align_plugin_schedules(name: str) -> None:
    """Let the schedules of a plugin's connections rest, or wake them, as the plugin is off or on. Safe to run twice."""
    from plugins.installing.schedules import align

    align(name)


@shared_task(name="plugins.tidy_installed", acks_late=False)
def tidy_installed() -> None:
    """Mend what a lost process left: images, the published state, stale proposals. Safe to run twice."""
    from plugins.installing.building import tidy

    tidy()


@shared_task(name="plugins.reap_containers", acks_late=False)
def reap_containers() -> None:
    """Remove containers whose owner is gone. Safe to run twice."""
    from plugins.sandbox.choice import docker_sandbox

    docker_sandbox().reap()
