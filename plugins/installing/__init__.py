"""Installation of plugins by admins: archives, signatures, consent, versions, images."""
