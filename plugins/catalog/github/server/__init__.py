"""A small GitHub: the REST API of docs.github.com as far as the plugin uses it, with its limits, errors and webhooks.

For tests, and to try the plugin without an account: `python -m plugins.catalog.github.server --port 8011` says how to
lead the gateway to it. Everything is in memory and made up.
"""
