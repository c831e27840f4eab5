"""The confined process: `python -m resources.extract.child CONTENT_TYPE < file > result.json`.

It is started with an empty environment and the file as its standard input, and never learns a path, a
secret or an address. Whatever the file does to it, it prints one JSON object or dies, and its parent
turns either into words.
"""

import importlib
import io
import json
import os
import sys

from resources.extract.confine import confine, limit_resources
from resources.extract.kinds import extractor_module, libraries
from resources.extract.result import MAX_CHARACTERS, Extraction, NothingToRead, UnreadableFile


def main(content_type: str) -> None:
    limit_resources()
    module_name = extractor_module(content_type)
    if module_name is None:
        return _say({"status": "skipped", "reason": "The text of this kind of file cannot be read."})
    # Before the walls go up: libraries open many files while they are imported.
    for library in libraries(content_type):
        importlib.import_module(library)
    module = importlib.import_module(module_name)
    layers = confine()
    try:
        with io.BufferedReader(io.FileIO(os.dup(0))) as file:
            result: Extraction = module.extract(file, max_characters=MAX_CHARACTERS)
    except UnreadableFile as problem:
        answer = {"status": "failed", "reason": str(problem)}
    except NothingToRead as problem:
        answer = {"status": "skipped", "reason": str(problem)}
    except (MemoryError, RecursionError):
        answer = {
            "status": "failed",
            "reason": "Reading the file needs more memory than is allowed, so it was stopped.",
        }
    except Exception as problem:  # the libraries meet hostile files with every kind of exception
        answer = {
            "status": "failed",
            "reason": "The file is damaged and could not be read.",
            "error": repr(problem)[:500],
        }
    else:
        answer = {
            "status": "completed",
            "reason": result.note,
            "pages": [[page.number, page.text] for page in result.pages],
            "page_count": result.page_count,
        }
    _say({**answer, "confined_by": layers})


def _say(answer: dict) -> None:
    sys.stdout.write(json.dumps(answer, ensure_ascii=True))
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
