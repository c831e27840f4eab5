"""Evaluate expressions that could take long, in a process that can be killed.

Run as a script. One JSON object a line: `{"source", "context"}` in, `{"value"}` or `{"error"}` out, after a
first line `{"ready": true}`. It ends with its input. It trusts nothing it reads and is trusted with nothing:
no settings, no database, no project code beyond its sibling modules.
"""

import json
import os
import resource
import sys

MEMORY_BYTES = 768 * 1024 * 1024


def main() -> None:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import evaluation

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answer({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            compiled = evaluation.compile_expression(request["source"])
            answer({"value": evaluation.evaluate_compiled(compiled, request["context"])})
        except evaluation.Refused as refused:
            answer({"error": refused.message})
        except (MemoryError, RecursionError):
            answer({"error": "The expression needs too much memory."})


def answer(message: dict) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
