"""Serve a Drive with a semester's worth of files: python -m plugins.catalog.google_drive.server --port 8020."""

from __future__ import annotations

import argparse
import threading

from .drive import DOCUMENT, SHEET, SLIDES, Drive
from .formats import as_pdf
from .testing import running_drive


def fill(drive: Drive) -> None:
    """Put in what a student's Drive has."""
    university = drive.folder("University")
    systems = drive.folder("Operating Systems", university.id)
    interaction = drive.folder("Human-Computer Interaction", university.id)
    shared = drive.folder("Study group", is_mine=False, shared_with_me=True)
    drive.add(
        "Lecture notes", parent=systems.id, mime=DOCUMENT, text="Scheduling, paging and locks.\nRound robin is fair."
    )
    drive.add(
        "Scheduler measurements", parent=systems.id, mime=SHEET, text="policy,turnaround\nfifo,12.4\nround robin,9.1"
    )
    drive.add(
        "Lab 4 outline.pdf", parent=systems.id, mime="application/pdf", content=as_pdf("Readers and writers\nA barrier")
    )
    drive.add("Paper prototype", parent=interaction.id, mime=SLIDES, text="Three screens on paper.")
    drive.add("Interview questions.md", parent=interaction.id, mime="text/markdown", content="# Questions\n\n1. Why?\n")
    drive.add(
        "Who does what",
        parent=shared.id,
        mime=DOCUMENT,
        text="Ada: slides. Robin: demo.",
        is_mine=False,
        shared_with_me=True,
    )
    drive.add("Holiday.jpg", mime="image/jpeg", content=b"\xff\xd8\xff\xe0" + b"\0" * 64)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8020)
    port = parser.parse_args().port
    with running_drive(needs_https=False, port=port) as running:
        fill(running.drive)
        names = ",".join(f"{host}={running.url}" for host in running.hosts)
        print(f"A Drive answers at {running.url}")
        print(f"GATEWAY_HOSTS={names}")
        print(f"OAuth client: {running.oauth.client_id} / {running.oauth.client_secret}")
        print(f"Access token: {running.token}")
        threading.Event().wait()


if __name__ == "__main__":
    main()
