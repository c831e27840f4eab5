"""What may be wrong with the triggers of a definition."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter

from coreengine.kernel.expressions import check_condition, nearest
from workflows.engine.definition import MISSED_POLICIES, OVERLAP_POLICIES
from workflows.engine.fields import NAME, FieldChecks

TRIGGER_FIELDS = {
    "manual": ("type",),
    "schedule": ("type", "cron", "time_zone", "missed", "overlap", "inputs"),
    "webhook": ("type", "name", "signature", "delivery_id_header", "inputs"),
    "event": ("type", "event", "filter", "inputs"),
}
SIGNATURE_ALGORITHMS = ("sha256",)
MAX_TRIGGERS = 20
HEADER = re.compile(r"[A-Za-z0-9-]{1,100}")
EVENT_TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*(\.\*)?")
SILENT_EVENTS = ("workflow.step.", "workflow.loop.", "workflow.approval.", "events.")
"""There are many of these in every execution: they start nothing (`workflows.triggers.events`)."""
SEEN = {"trigger": None}
"""All that the expressions of a trigger may name."""


class TriggerChecks(FieldChecks):
    """Checks triggers; the inputs that the workflow takes are known by then."""

    inputs: set[str] | None = None
    """None when the workflow takes any."""

    def triggers(self, data: Mapping[str, Any]) -> None:
        triggers = data.get("triggers") or []
        if not isinstance(triggers, list):
            self.add("triggers", "Triggers are a list.")
            return
        if len(triggers) > MAX_TRIGGERS:
            self.add("triggers", f"There are {len(triggers)} triggers; {MAX_TRIGGERS} are allowed.")
            return
        webhooks: dict[str, str] = {}
        for index, trigger in enumerate(triggers):
            path = f"triggers[{index}]"
            if not isinstance(trigger, Mapping):
                self.add(path, "A trigger is a map with a type.")
                continue
            kind = trigger.get("type")
            if str(kind) not in TRIGGER_FIELDS:
                known = ", ".join(TRIGGER_FIELDS)
                self.add(
                    f"{path}.type",
                    f"Unknown trigger type “{kind}”; there are {known}.{nearest(str(kind), TRIGGER_FIELDS)}",
                )
                continue
            self.unknown_fields(trigger, TRIGGER_FIELDS[str(kind)], path)
            if kind == "schedule":
                self.schedule(trigger, path)
            elif kind == "webhook":
                self.webhook(trigger, path, webhooks)
            elif kind == "event":
                self.event(trigger, path)
            if kind != "manual":
                self.trigger_inputs(trigger, path)

    def schedule(self, trigger: Mapping[str, Any], path: str) -> None:
        cron = trigger.get("cron")
        if not isinstance(cron, str) or len(cron.split()) != 5 or not croniter.is_valid(cron):
            self.add(f"{path}.cron", "A schedule needs a cron line of five fields, such as “0 7 * * 1-5”.")
        elif not _comes_true(cron):
            self.add(f"{path}.cron", f"“{cron}” never comes true: there is no such day in any year.")
        zone = trigger.get("time_zone", "")
        if zone:
            try:
                ZoneInfo(str(zone))
            except (KeyError, ValueError, OSError):
                self.add(f"{path}.time_zone", f"Unknown time zone “{zone}”; write one such as Europe/Berlin.")
        self.choice(trigger, "missed", path, MISSED_POLICIES)
        self.choice(trigger, "overlap", path, OVERLAP_POLICIES)

    def webhook(self, trigger: Mapping[str, Any], path: str, seen: dict[str, str]) -> None:
        name = trigger.get("name")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            self.add(f"{path}.name", "A webhook needs a name of letters, digits and _, not beginning with a digit.")
        elif name in seen:
            self.add(f"{path}.name", f"There are two webhooks called “{name}”; the first is {seen[name]}.")
        else:
            seen[name] = path
        signature = trigger.get("signature")
        if signature is not None and not isinstance(signature, Mapping):
            self.add(f"{path}.signature", "A signature is a map with the header that it stands in.")
        elif signature is not None:
            self.unknown_fields(signature, ("header", "algorithm"), f"{path}.signature")
            self.header(signature, "header", f"{path}.signature")
            self.choice(signature, "algorithm", f"{path}.signature", SIGNATURE_ALGORITHMS)
        if trigger.get("delivery_id_header") is not None:
            self.header(trigger, "delivery_id_header", path)

    def header(self, data: Mapping[str, Any], key: str, path: str) -> None:
        value = data.get(key)
        if not isinstance(value, str) or not HEADER.fullmatch(value):
            self.add(f"{path}.{key}", f"“{key}” is the name of an HTTP header, such as X-Hub-Signature-256.")

    def event(self, trigger: Mapping[str, Any], path: str) -> None:
        event = trigger.get("event")
        if not isinstance(event, str) or not EVENT_TYPE.fullmatch(event):
            self.add(f"{path}.event", "An event trigger needs a type of events, such as course.created or course.*.")
        elif event.startswith(SILENT_EVENTS):
            self.add(f"{path}.event", f"“{event}” starts nothing; use workflow.execution.* for the whole execution.")
        condition = trigger.get("filter")
        if condition is None:
            return
        if not isinstance(condition, str) or not condition.strip():
            self.add(f"{path}.filter", "A filter is an expression, such as “trigger.data.name != ''”.")
        else:
            self.problems(check_condition(condition, dict(SEEN)), f"{path}.filter")

    def trigger_inputs(self, trigger: Mapping[str, Any], path: str) -> None:
        for name, value in self.params(trigger, "inputs", path).items():
            here = f"{path}.inputs.{name}"
            if self.inputs is not None and name not in self.inputs:
                self.add(here, f"The workflow has no input “{name}”.{nearest(str(name), self.inputs)}")
            self.filled_in(value, here, SEEN)


def _comes_true(cron: str) -> bool:
    """Say whether a cron line has any moment at all; the 30th of February has none."""
    try:
        croniter(cron).get_next()
    except CroniterBadDateError:
        return False
    return True
