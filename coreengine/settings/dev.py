"""Development: one machine, demo accounts, mail to a mailbox page, no secrets to set."""

from coreengine.settings.base import *
from coreengine.settings.base import STORAGES, env

DEBUG = env.flag("DEBUG", True)
SECRET_KEY = env.secret("SECRET_KEY", "development-only-and-refused-elsewhere-0123456789")
DEMO_ACCOUNTS = True

EMAIL_BACKEND = "coreengine.kernel.mailbox.MailboxBackend"
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
