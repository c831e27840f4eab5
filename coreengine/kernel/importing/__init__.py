"""What every import of a source's records needs: reading them, comparing them with what is stored, telling of it."""
