"""The only way out of a sandbox: requests performed by the host, inside what the manifest allows."""
