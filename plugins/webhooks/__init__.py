"""Webhooks of connections: what the other side sends, kept first, handled once.

`address_of` and `secret_of` give what the other side must be told; see `plugins.webhooks.addresses`.
"""

from plugins.webhooks.addresses import address_of, secret_of

__all__ = ["address_of", "secret_of"]
