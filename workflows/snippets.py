"""Pieces of a definition that the editor can put in: one for each type of step, and for what stands around them."""

from dataclasses import dataclass

from workflows.graph.reading import ICONS


@dataclass(frozen=True)
class Snippet:
    """A piece of text for one place of a definition: `steps`, `triggers` or `inputs`."""

    key: str
    label: str
    summary: str
    text: str
    place: str = "steps"
    icon: str = ""

    @property
    def sign(self) -> str:
        """Return its icon."""
        return self.icon or ICONS.get(self.key, "plus")


SNIPPETS = (
    Snippet(
        "system_action",
        "System action",
        "Does something here: looks up what is due, tells you, sets a variable.",
        """\
- name: due
  type: system_action
  config:
    action: assignments.due
    params: {within_hours: 48}
""",
    ),
    Snippet(
        "plugin_action",
        "Plugin action",
        "Reads from or writes to a connected service. config: plugin, action, params, connection.",
        """\
- name: get_courses
  type: plugin_action
  timeout: 120
  config:
    plugin: canvas-integration
    action: get_courses
""",
    ),
    Snippet(
        "ai_agent",
        "Agent",
        "Asks an agent. config: agent, prompt, parameters.",
        """\
- name: summary
  type: ai_agent
  timeout: 120
  config:
    agent: summarizer
    prompt: |-
      Summarise this:

      Put a text here, or an expression in double braces.
""",
    ),
    Snippet(
        "condition",
        "Condition",
        "Goes one of two ways. config: expression, then, else.",
        """\
- name: choose
  type: condition
  config:
    expression: "1 > 0"
    then:
      - name: say_yes
        type: system_action
        config: {action: create_notification, params: {title: "Yes"}}
    else:
      - name: say_no
        type: system_action
        config: {action: create_notification, params: {title: "No"}}
""",
    ),
    Snippet(
        "loop",
        "Loop",
        "Does its steps for each item. config: items, as, steps, max_concurrency, until, on_item_error.",
        """\
- name: each
  type: loop
  config:
    items: [1, 2, 3]
    as: number
    max_concurrency: 1
    on_item_error: continue
    steps:
      - name: tell_each
        type: system_action
        config: {action: create_notification, params: {title: "Number {{ number }}"}}
""",
    ),
    Snippet(
        "parallel",
        "Parallel",
        "Does branches side by side. config: branches, wait_for (all, any, or a number).",
        """\
- name: both
  type: parallel
  config:
    wait_for: all
    branches:
      left:
        - name: look_left
          type: system_action
          config: {action: assignments.due}
      right:
        - name: look_right
          type: system_action
          config: {action: announcements.recent}
""",
    ),
    Snippet(
        "wait",
        "Wait",
        "Waits for a time and holds nobody. config: duration or until.",
        """\
- name: pause
  type: wait
  config: {duration: "10m"}
""",
    ),
    Snippet(
        "approval",
        "Approval",
        "Asks you and goes on when you decide. config: message, timeout_action; timeout is the time to decide.",
        """\
- name: ask
  type: approval
  timeout: 86400
  config:
    message: Shall I go on?
    timeout_action: reject
""",
    ),
    Snippet(
        "schedule",
        "Schedule",
        "Starts at fixed times, in your zone unless you say another.",
        """\
- {type: schedule, cron: "0 7 * * 1-5", missed: once, overlap: skip}
""",
        place="triggers",
        icon="calendar-clock",
    ),
    Snippet(
        "event",
        "Event",
        "Starts when something happens, such as a new announcement.",
        """\
- {type: event, event: announcement.posted, filter: "!trigger.event.data.baseline"}
""",
        place="triggers",
        icon="radio",
    ),
    Snippet(
        "webhook",
        "Webhook",
        "Starts when another program calls a secret address.",
        """\
- {type: webhook, name: from_outside}
""",
        place="triggers",
        icon="webhook",
    ),
)
