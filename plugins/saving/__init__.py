"""Saving files of the vault to other services, after a yes: any plugin that offers `upload_file` can take them."""
