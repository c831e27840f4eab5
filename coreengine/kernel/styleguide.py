"""The style guide: every component from the templates that pages use, in both themes. Debug only."""

from datetime import timedelta

from django import forms
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from coreengine.kernel.models import Notification
from coreengine.kernel.pages import render_page
from coreengine.kernel.statuses import Status

SAMPLE_MARKDOWN = """Reading for **Wednesday**: chapters 3 and 4.

- Copy-on-write, and why `fork` is cheap
- [The xv6 book](https://pdos.csail.mit.edu/6.828/2023/xv6/book-riscv-rev3.pdf)

> Bring questions.

```c
int pid = fork();
```
"""


class SampleForm(forms.Form):
    """One field of each kind."""

    name = forms.CharField(help_text="What it is called in lists.")
    course = forms.ChoiceField(choices=[("os", "Operating Systems"), ("db", "Databases")])
    due_at = forms.DateTimeField(
        label="Due", required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    notes = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), required=False)
    file = forms.FileField(required=False)
    kind = forms.ChoiceField(choices=[("essay", "Essay"), ("code", "Code")], widget=forms.RadioSelect)
    reminders = forms.MultipleChoiceField(
        choices=[("day", "A day before"), ("hour", "An hour before")],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    is_private = forms.BooleanField(
        label="Only for me", required=False, widget=forms.CheckboxInput(attrs={"class": "switch"})
    )


def _side(theme: str) -> dict[str, object]:
    now = timezone.now()
    notice = Notification(
        pk=0, title="Project 3 is due in 6 hours", content="Nothing is submitted yet.", priority="high", created_at=now
    )
    return {
        "theme": theme,
        "form": SampleForm({"kind": "essay"}, auto_id=f"{theme}_%s"),
        "soon": now + timedelta(hours=6),
        "notice": notice,
    }


@require_GET
@login_not_required
def styleguide(request: HttpRequest) -> HttpResponse:
    """Show every component in both themes."""
    context = {
        "sides": [_side("light"), _side("dark")],
        "statuses": [*Status.values, "overdue", "soon", "graded", "submitted", "missing"],
        "hues": range(12),
        "loads": range(11),
        "page": Paginator(range(95), 30).page(2),
        "markdown": SAMPLE_MARKDOWN,
    }
    return render_page(request, "kernel/styleguide.html", context)
