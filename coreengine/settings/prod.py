"""Production: behind a proxy that ends TLS; every secret must be given."""

from coreengine.settings.base import *
from coreengine.settings.base import env

DEBUG = False
SECRET_KEY = env.secret("SECRET_KEY", min_length=50)
if SECRET_KEY.startswith("development-only"):
    raise env.BadEnvironment("SECRET_KEY", "is the one of development")
DEMO_ACCOUNTS = False
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS")
_HOSTS = [host.lstrip(".") for host in ALLOWED_HOSTS if host != "*"]
SITE_URL = env.url("SITE_URL", f"https://{_HOSTS[0]}" if _HOSTS else "", schemes={"http", "https"})
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# The proxy sets X-Forwarded-For to the one address it saw (deploy/nginx); without this all people would share
# one rate limit of sign-in, the proxy's.
ALLAUTH_TRUSTED_PROXY_COUNT = 1
SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", True)
SECURE_REDIRECT_EXEMPT = [r"^health"]
SECURE_HSTS_SECONDS = env.integer("SECURE_HSTS_SECONDS", 31_536_000, least=0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken"
API_DOCS = env.flag("API_DOCS", False)

EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.integer("EMAIL_PORT", 587, least=1, most=65535)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.secret("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", True)
