"""What must never stand in a log."""

import logging
import re

HOOKS = re.compile(r"(/hooks/workflows/)[^/\s\"'?]+")


class WithoutSecrets(logging.Filter):
    """Takes the secret out of a webhook's address: whoever reads the log must not be able to call it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every line pass, without secrets."""
        text = record.getMessage()
        if "/hooks/workflows/" in text:
            record.msg, record.args = HOOKS.sub(r"\1…", text), ()
        return True
