"""Pages of connections and plugins."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from plugins import pages, services
from plugins.filters import ConnectionFilter
from plugins.forms import ConnectionForm, initial_values
from plugins.health import next_step
from plugins.manifest import Authentication, Manifest
from plugins.models import ActionCall, Connection, SignIn
from plugins.oauth import views as oauth_views
from plugins.registry import PluginUnknown, get_manifest, usable_plugins
from plugins.storage import storage_use


@require_GET
def connection_list(request: Request) -> HttpResponse:
    """List the student's connections."""
    connections = ConnectionFilter(request.GET, Connection.objects.visible_to(request.user)).qs
    context = {"connections": connections, "plugins": usable_plugins()}
    return render_page(request, "plugins/list.html", context, parts={"connections": "rows"})


@require_GET
def choose_plugin(request: Request) -> HttpResponse:
    """Choose what to connect."""
    return render_page(request, "plugins/choose.html", {"choices": pages.plugin_choices(request.user)})


@never_cache
def connect(request: Request, plugin: str) -> HttpResponse:
    """Choose a way, fill in a plugin's settings and connect it, or leave for the service to agree there."""
    manifest = _manifest_or_404(plugin)
    earlier = _earlier_sign_in(request, plugin)
    way = _way(request, manifest, (earlier.way if earlier else "") or pages.first_way(manifest))
    demo_page = pages.demo_token_page(manifest, way)
    initial = {"canvas_domain": pages.DEMO_HOST} if demo_page and "demo" in request.GET else {}
    if earlier:
        initial = {**earlier.configuration, "label": earlier.label}
    form = ConnectionForm(manifest, request.POST or None, way=way, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            if way is not None and way.needs_sign_in:
                label = form.cleaned_data["label"]
                return oauth_views.leave(request, manifest, way, configuration=form.configuration(), label=label)
            connection = services.connect(
                request.user,
                manifest.name,
                configuration=form.configuration(),
                credential=form.credential(),
                label=form.cleaned_data["label"],
                way=way.name if way else "",
                by=request.user,
            )
        except ValidationError as error:
            form.take_errors(_by_field(error))
        else:
            if connection.confirmed_at:
                name = f" as {connection.identity_name}" if connection.identity_name else ""
                then = " Sync now to bring everything in." if connection.can_sync else ""
                messages.success(request, f"{connection.plugin_title} is connected{name}.{then}")
            return redirect(connection)
    return _form_page(request, form, None, demo_page, earlier)


@never_cache
def edit(request: Request, pk: int) -> HttpResponse:
    """Change a connection's settings, its token, or the way that it is reached."""
    connection = _editable(request, pk)
    manifest = connection.manifest
    if manifest is None:
        messages.error(request, f"The plugin {connection.plugin} is not installed, so its settings cannot be shown.")
        return redirect(connection)
    earlier = _earlier_sign_in(request, connection.plugin)
    way = _way(request, manifest, earlier.way if earlier else connection.way)
    initial = initial_values(connection) if earlier is None else {**initial_values(connection), **earlier.configuration}
    form = ConnectionForm(manifest, request.POST or None, way=way, connection=connection, initial=initial)
    if request.method == "POST" and form.is_valid():
        configuration, label = form.configuration(), form.cleaned_data["label"]
        try:
            if way is not None and services.needs_sign_in(connection, manifest, way, configuration):
                return oauth_views.leave(
                    request, manifest, way, configuration=configuration, label=label, connection=connection
                )
            services.update_connection(
                connection,
                by=request.user,
                configuration=configuration,
                credential=form.credential() or None,
                label=label,
                way=way.name if way else None,
            )
        except ValidationError as error:
            form.take_errors(_by_field(error))
        else:
            messages.success(request, "The connection is saved.")
            return redirect(connection)
    return _form_page(request, form, connection, pages.demo_token_page(manifest, way), earlier)


@require_POST
def reconnect(request: Request, pk: int) -> HttpResponse:
    """Sign in at the service again, for a connection that keeps everything else; others type a new secret."""
    connection = _editable(request, pk)
    manifest, way = connection.manifest, connection.authentication
    if manifest is None or way is None or not way.needs_sign_in:
        return redirect("plugins:edit", pk)
    try:
        return oauth_views.leave(
            request, manifest, way, configuration=connection.configuration, label="", connection=connection
        )
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect(connection)


@require_GET
def detail(request: Request, pk: int) -> HttpResponse:
    """Show how a connection stands, what it may do, and what it did."""
    connection = get_object_or_404(Connection.objects.visible_to(request.user), pk=pk)
    hosts, unasked_hosts = pages.split_hosts(pages.host_uses(connection))
    context = {
        "connection": connection,
        "manifest": connection.manifest,
        "capabilities": pages.capabilities(connection.manifest),
        "hosts": hosts,
        "unasked_hosts": unasked_hosts,
        "settings_rows": pages.settings_rows(connection),
        "actions": pages.recent_actions(connection),
        "stored": storage_use(connection),
        "is_checking": connection.health == Connection.Health.CHECKING,
        "next_step": next_step(connection),
        "way": connection.authentication,
    }
    parts = {"connection-state": "state", "connection-record": "record"}
    return render_page(request, "plugins/detail.html", context, parts=parts)


@require_POST
def test(request: Request, pk: int) -> HttpResponse:
    """Ask the other side whether the token still works."""
    connection = _editable(request, pk)
    call = services.test_connection(connection, by=request.user)
    _say_outcome(request, call)
    return redirect(connection)


@require_POST
def sync(request: Request, pk: int) -> HttpResponse:
    """Start the sync and go where it can be watched."""
    return redirect(services.request_sync(_editable(request, pk), by=request.user))


def disconnect(request: Request, pk: int) -> HttpResponse:
    """Ask, saying what goes and what stays; then disconnect."""
    connection = _editable(request, pk)
    if request.method != "POST":
        return render_page(
            request, "plugins/disconnect.html", {"connection": connection, "way": connection.authentication}
        )
    services.disconnect(connection, by=request.user)
    messages.success(request, f"{connection.label} is disconnected. What it brought in is still yours.")
    return redirect("plugins:list")


def _editable(request: Request, pk: int) -> Connection:
    return get_object_or_404(Connection.objects.editable_by(request.user), pk=pk)


def _manifest_or_404(plugin: str) -> Manifest:
    try:
        return get_manifest(plugin)
    except PluginUnknown as error:
        raise Http404(str(error)) from error


def _by_field(error: ValidationError) -> dict[str, list[Any]]:
    return error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}


def _way(request: Request, manifest: Manifest, usual: str) -> Authentication | None:
    """Return the way that the form or its address names, else the usual one."""
    wanted = request.POST.get("way") or request.GET.get("way")
    if not wanted and (typed := {name: request.POST[name] for name in _SECRETS if request.POST.get(name)}):
        return services.chosen_way(manifest, "", typed)
    return manifest.way(wanted or usual) or manifest.authentication


_SECRETS = ("token", "username", "password", "url")


def _earlier_sign_in(request: Request, plugin: str) -> SignIn | None:
    """Return the sign-in that did not come about and whose settings the form shows again."""
    number = request.GET.get("sign_in", "")
    if request.method == "POST" or not number.isdecimal() or len(number) > 18:
        return None
    return SignIn.objects.visible_to(request.user).filter(pk=int(number), plugin=plugin).first()


def _form_page(
    request: Request,
    form: ConnectionForm,
    connection: Connection | None,
    demo_page: str,
    earlier: SignIn | None,
) -> HttpResponse:
    manifest, way = form.manifest, form.way
    values = form.data if form.is_bound else {**form.initial, **(connection.configuration if connection else {})}
    is_demo = bool(demo_page) and values.get("canvas_domain") == pages.DEMO_HOST
    known = {**manifest.defaults(), **{name: value for name, value in values.items() if isinstance(value, str)}}
    token_page = manifest.address(way.token_page, known) if way else ""
    ways = pages.way_choices(manifest, way, request.user)
    unready = next((choice for choice in ways if choice.is_current and not choice.is_ready), None)
    context = {
        "form": form,
        "manifest": manifest,
        "connection": connection,
        "way": way,
        "ways": ways,
        "unready": None if connection or form.errors else unready,
        "refusal": earlier.error if earlier and earlier.stage == SignIn.Stage.FAILED else "",
        "demo_page": demo_page,
        "is_demo": is_demo,
        "token_page": (demo_page if connection else "") if is_demo else token_page,
        "capabilities": pages.capabilities(manifest),
    }
    return render_page(
        request, "plugins/form.html", context, parts={"connection-form": "form"}, status=422 if form.errors else 200
    )


def _say_outcome(request: Request, call: ActionCall) -> None:
    if not call.is_finished:
        messages.info(request, "The connection is being checked. This page shows the outcome as soon as there is one.")
    elif call.status == "completed":
        messages.success(request, "The connection works.")
    else:
        messages.error(request, call.error)
