"""How the steps of an execution are said: what a step did, or what it waits for, in one line."""

import re
from datetime import datetime
from typing import Any

from coreengine.kernel.statuses import Status
from workflows.graph.reading import RawStep
from workflows.timeline_rows import COUNTS, StepRow

MARKS_OF_MARKDOWN = re.compile(r"^\s*(?:[-*#>]+|\d+\.)\s+|[*_`]{1,3}", re.MULTILINE)

REASONS = {
    "condition_not_met": "Skipped: its condition was not met",
    "branch_not_taken": "Skipped: the other branch was taken",
    "not_reached": "Not reached",
    "loop_ended_early": "Not needed: the loop ended early",
    "not_needed": "Not needed: enough other branches were done",
    "item_failed": "Ended: another step of this item failed",
    "branch_failed": "Ended: another step of this branch failed",
    "execution_cancelled": "Cancelled with the execution",
    "execution_failed": "Not done: another step failed",
}

PROMISES = {
    "plugin_action": "a plugin worker",
    "ai_agent": "an agent worker",
}


def detail_words(step: RawStep, row: StepRow | None, status: str, *, is_open: bool) -> str:
    """Say in one line what the step did, or what it waits for."""
    if row is None or (status == Status.PENDING and not row.started_at):
        if not is_open:
            return "Never began"
        needs = [name.replace("_", " ") for name in step.needs]
        return f"Waits for {', '.join(needs)}" if needs else f"Waits for {PROMISES.get(step.kind, 'its turn')}"
    match status:
        case Status.FAILED:
            return row.error
        case Status.SKIPPED | Status.CANCELLED:
            return REASONS.get(row.reason) or (
                row.reason.replace("_", " ").capitalize() if row.reason else "Ended with the execution"
            )
        case Status.WAITING:
            return _waiting_words(step, row)
    if status == Status.RUNNING:
        words = _progress_words(step, row)
        return f"{words}, attempt {row.attempt}" if row.attempt > 1 else words
    result = result_words(step, row)
    return f"{_what(step)}. {result}" if result and not step.lanes() else result or _what(step)


def _waiting_words(step: RawStep, row: StepRow) -> str:
    if row.reason == "needs_attention":
        return row.error or "Nobody knows whether its last attempt had its effect."
    if step.kind == "approval":
        return "Waits for your decision"
    if step.kind == "wait":
        return "Waits, holding no worker"
    if row.error:
        return f"Attempt {row.attempt} did not work: {row.error}"
    return "Will be tried again"


def _progress_words(step: RawStep, row: StepRow) -> str:
    if step.kind == "loop" and row.item_count is not None:
        return f"{row.items_done} of {counted(row.item_count, 'item')} done"
    if step.kind == "parallel" and row.item_count is not None:
        return (
            f"{row.items_done} of {counted(row.item_count, 'branch', 'branches')} done, {step.words.split(' · ')[-1]}"
        )
    if step.kind == "condition" and row.branch:
        return f"Goes the way of “{row.branch}”"
    return _what(step)


def _what(step: RawStep) -> str:
    config = step.config
    match step.kind:
        case "plugin_action":
            return f"{config.get('plugin', '')}, {config.get('action', '')}"
        case "system_action":
            return str(config.get("action", ""))
        case "ai_agent":
            return f"Agent {config.get('agent', '')}"
    return step.words.replace(" · ", ": ", 1)


def result_words(step: RawStep, row: StepRow) -> str:
    """Say what a finished step gave, as far as a line can."""
    match step.kind:
        case "loop":
            words = counted(row.item_count or 0, "item")
            return f"{words}, {row.items_failed} failed" if row.items_failed else words
        case "condition":
            return f"Went the way of “{row.branch}”" if row.branch else "Decided"
        case "parallel":
            return f"{row.items_done} of {counted(row.item_count or 0, 'branch', 'branches')} done"
        case "wait":
            return "Waited"
        case "approval":
            comment = f": “{row.comment}”" if row.comment else ""
            return f"{(row.decision or 'decided').capitalize()}{comment}"
    if row.result_length is not None:
        return counted(row.result_length, "item")
    counts = {name: text for name in COUNTS if (text := getattr(row, name)) and text.isdecimal()}
    if counts:
        return ", ".join(f"{count} {name}" for name, count in counts.items() if count != "0") or "nothing to do"
    if row.content:
        text = " ".join(MARKS_OF_MARKDOWN.sub("", row.content).split())
        return f"“{text[:140].rstrip()}…”" if len(text) > 140 else f"“{text}”"
    return ""


def counted(number: int, one: str, many: str = "") -> str:
    """Say a number of things: 1 item, 1,000 items."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def event_words(type: str, data: dict[str, Any]) -> tuple[str, str]:
    """Return (status for the mark, words) of one entry of an execution's log."""
    kind = type.removeprefix("workflow.")
    attempt = data.get("attempt")
    again = f", attempt {attempt}" if isinstance(attempt, int) and attempt > 1 else ""
    error = str(data.get("error") or "")
    match kind:
        case "execution.requested":
            return "pending", "Asked for"
        case "execution.started":
            return "running", "Began"
        case "execution.completed":
            return "completed", "Done"
        case "execution.failed":
            return "failed", error or "Failed"
        case "execution.cancelled":
            return "cancelled", "Cancelled"
        case "step.started":
            return "running", f"Began{again}"
        case "step.completed":
            return "completed", _done_words(data) or f"Done{again}"
        case "step.retrying":
            delay = data.get("delay_s")
            pause = f" Next attempt after {delay:.0f} s." if isinstance(delay, int | float) else ""
            return "waiting", f"Attempt {attempt} did not work. {error}{pause}"
        case "step.failed":
            return "failed", error or "Failed"
        case "step.skipped" | "step.cancelled":
            status = kind.partition(".")[2]
            return status, REASONS.get(str(data.get("reason")), str(data.get("reason") or status).replace("_", " "))
        case "step.waiting":
            return "waiting", _log_waits(data, error)
        case "step.decided":
            comment = f": “{data['comment']}”" if data.get("comment") else ""
            return "completed", f"Decided: {data.get('decision')}{comment}"
        case "loop.started":
            return "running", f"Goes round for {counted(int(data.get('items') or 0), 'item')}"
        case "parallel.started":
            return "running", f"Began {counted(int(data.get('items') or 0), 'branch', 'branches')}"
        case "condition.decided":
            result = data.get("result")
            branch = result.get("branch") if isinstance(result, dict) else ""
            nothing = "" if data.get("items") else ", where nothing stands"
            return "running", f"Took the branch “{branch}”{nothing}"
    status = next((s for s in ("completed", "failed", "cancelled", "skipped", "waiting") if s in kind), "pending")
    return status, kind.replace(".", " ").replace("_", " ").capitalize()


def moment_of(type: str, data: dict[str, Any]) -> datetime | None:
    """Return the moment with which the words of an entry end, if they do."""
    until = data.get("until")
    if type != "workflow.step.waiting" or data.get("reason") == "needs_attention" or not isinstance(until, str):
        return None
    return datetime.fromisoformat(until)


def _log_waits(data: dict[str, Any], error: str) -> str:
    if data.get("reason") == "needs_attention":
        return f"Somebody must say what happened. {error}".strip()
    return "Waits for a decision until" if data.get("reason") == "approval" else "Waits until"


def _done_words(data: dict[str, Any]) -> str:
    if data.get("reused"):
        return f"Taken over from execution {data['reused']}"
    return "Done: it ended early" if data.get("reason") == "loop_ended_early" else ""
