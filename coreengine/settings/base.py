"""Settings that every environment shares, by subject. Overlays hold the differences only."""

from pathlib import Path

from csp.constants import NONCE, NONE, SELF  # noqa: F401  (NONCE is for overlays)

from coreengine import __version__
from coreengine.settings import env

BASE_DIR = Path(__file__).resolve().parents[2]
VAR_DIR = Path(env.text("VAR_DIR", str(BASE_DIR / "var"))).resolve()
ENVIRONMENT = env.environment()
VERSION = __version__

# --- Applications -----------------------------------------------------------------------------
INSTALLED_APPS = [
    "coreengine.accounts",
    "coreengine.kernel",
    "resources",
    "courses",
    "plugins",
    "agents",
    "workflows",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "corsheaders",
    "csp",
    "django_celery_beat",
    "django_filters",
    "django_htmx",
    "template_partials",
    "lucide",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "coreengine.kernel.middleware.HtmxManners",
    "coreengine.kernel.middleware.StudentTimeZone",
    "coreengine.kernel.middleware.ErrorPages",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "coreengine.urls"
WSGI_APPLICATION = "coreengine.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "coreengine.kernel.template_engine.Templates",
        "NAME": "django",  # by which libraries know it
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "coreengine.kernel.context.frame",
            ],
            "builtins": ["coreengine.kernel.templatetags.ce", "django.templatetags.static"],
        },
    }
]

FORM_RENDERER = "coreengine.kernel.form_renderer.FormRenderer"

# --- Database and Redis -----------------------------------------------------------------------
# Without an address the embedded servers of this checkout are joined, or started for the duration
# of this process (coreengine.kernel.embedded).
DATABASE_URL = env.url("DATABASE_URL", "", schemes={"postgres", "postgresql"})
REDIS_URL = env.url("REDIS_URL", "", schemes={"redis", "rediss", "unix"})
if not DATABASE_URL or not REDIS_URL:
    from coreengine.kernel.embedded import addresses_for_process

    _embedded = addresses_for_process(VAR_DIR, need_database=not DATABASE_URL, need_redis=not REDIS_URL)
    DATABASE_URL = DATABASE_URL or _embedded.database_url
    REDIS_URL = REDIS_URL or _embedded.redis_url

DATABASES = {
    "default": {
        **env.database(DATABASE_URL),
        # Without reuse of connections half of the throughput is lost (docs/architecture.md).
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {
        "BACKEND": "coreengine.kernel.cache.ForgivingRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "ce",
        "OPTIONS": {"socket_timeout": 2},
    }
}

# --- Accounts ---------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "kernel:dashboard"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = True
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_ADAPTER = "coreengine.accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {"signup": "coreengine.accounts.forms.SignupForm"}
# In the database alone: a session in a cache outlives its sign-out where Redis is away at that moment. One query each.
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 14
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "coreengine.kernel.views.csrf_failure"

# Keys for encrypted fields, newest first; the first encrypts, all decrypt. Falls back to SECRET_KEY.
FIELD_ENCRYPTION_KEYS = [k for k in env.secret("FIELD_ENCRYPTION_KEYS", "").split(",") if k.strip()]

# --- Time and language ------------------------------------------------------------------------
TIME_ZONE = "UTC"
USE_TZ = True
LANGUAGE_CODE = "en"
USE_I18N = False  # English only; formats are our own, and localisation costs more than the queries

# --- Files ------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(VAR_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = Path(env.text("BLOB_DIR", str(VAR_DIR / "blobs")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "blobs": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(MEDIA_ROOT), "directory_permissions_mode": 0o700},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
MAX_UPLOAD_BYTES = env.integer("MAX_UPLOAD_MB", 100, least=1, most=4096) * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "resources.uploads.BoundedUploads",  # first: the others never see what is too large
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# --- Mail -------------------------------------------------------------------------------------
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "Core Engine <core-engine@localhost>")

# --- Security ---------------------------------------------------------------------------------
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ("127.0.0.1", "localhost", "[::1]"))
# How the outside reaches this site: in what is handed to other services, such as addresses of webhooks.
SITE_URL = env.url("SITE_URL", f"http://127.0.0.1:{env.integer('PORT', 8000)}", schemes={"http", "https"})
CORS_ALLOWED_ORIGINS = env.words("ALLOWED_ORIGINS")
CORS_URLS_REGEX = r"^/api/.*$"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"

# Where pages fetch live streams from: a small ASGI process beside the web server. Same origin by default.
STREAM_URL = env.url("STREAM_URL", "", schemes={"http", "https"})
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [
            SELF,
            *dict.fromkeys([STREAM_URL, STREAM_URL.replace("//127.0.0.1", "//localhost")] if STREAM_URL else []),
        ],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "frame-src": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# --- Celery (docs/architecture.md says why each of these) ----------------------------------------
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1) if REDIS_URL.startswith("unix://") else REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
# Not so where tasks run in threads (plugins, agents): there a late acknowledgement that meets a lost broker leaves a
# worker that lives and never consumes again. Their work stands in the database, where a sweep finds it.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_TASK_RETRY_ON_WORKER_LOST = True  # counted, unlike the line above, which repeats for ever
CELERY_TASK_TIME_LIMIT = 900
CELERY_TASK_SOFT_TIME_LIMIT = 870
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
CELERY_WORKER_ENABLE_SOFT_SHUTDOWN_ON_IDLE = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 1800,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "socket_keepalive": True,
    # A line that falls silent with its connections left open: without a limit a send waits on it for ever, and with it
    # the worker's own look at the connection that it consumes from (overdue after 11 s, found after 21 s at most).
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "health_check_interval": 10,
    # Of sending only: whoever asked for something must not wait for a broker that is away.
    "max_retries": 1,
    "interval_start": 0.1,
    "interval_step": 0.1,
    "interval_max": 0.2,
}
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {"visibility_timeout": 1800}
CELERY_VISIBILITY_TIMEOUT = 1800  # the same in all places: on a shared Redis the shortest one wins
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_BEAT_SCHEDULER = "coreengine.kernel.clock:Scheduler"
CELERY_TIMEZONE = "UTC"

# --- API --------------------------------------------------------------------------------------
API_DOCS = env.flag("API_DOCS", True)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "coreengine.accounts.api.authentication.BearerTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "coreengine.kernel.api.parsers.BoundedJSONParser",
        "rest_framework.parsers.MultiPartParser",
        "rest_framework.parsers.FormParser",
    ],
    "DEFAULT_PAGINATION_CLASS": "coreengine.kernel.api.pagination.CursorPages",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "coreengine.kernel.api.schema.Schema",
    "DEFAULT_THROTTLE_CLASSES": ["coreengine.kernel.api.throttling.PerUser"],
    "DEFAULT_THROTTLE_RATES": {"user": env.text("API_RATE", "1200/min"), "anon": "60/min"},
    "EXCEPTION_HANDLER": "coreengine.kernel.api.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Core Engine API",
    "DESCRIPTION": "Courses, resources, workflows, plugins and agents of one student. "
    "Errors are RFC 9457 problem documents; lists are paged by cursor.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "StatusEnum": "coreengine.kernel.statuses.Status",
        "DeliveryStatusEnum": "workflows.trigger_models.DeliveryStatus",
        "ConnectionDeliveryStatusEnum": "plugins.webhooks.models.ConnectionDeliveryStatus",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "plugins.api.schema.add_plugin_routes",
    ],
}

# --- Plugins and agents: one dictionary per app, read through the app's typed object -----------------
PLUGINS = {
    "SANDBOX": env.text("PLUGIN_SANDBOX", "auto", choices={"auto", "process", "docker"}),
    "DIRECTORIES": [Path(p) for p in env.words("PLUGIN_DIRECTORIES")],
    "INSTALL_DIR": Path(env.text("PLUGIN_INSTALL_DIR", str(VAR_DIR / "plugins"))),
    "TRUSTED_KEYS": env.mapping("PLUGIN_TRUSTED_KEYS"),
    "REQUIRE_SIGNATURE": env.flag("PLUGIN_REQUIRE_SIGNATURE", False),
    "GATEWAY_HOSTS": env.mapping("GATEWAY_HOSTS"),
    "POOL_SIZE": env.integer("PLUGIN_POOL_SIZE", 2, least=0, most=64),
    "POOL_TOTAL": env.integer("PLUGIN_POOL_TOTAL", 8, least=0, most=256),
    "RUNTIME": env.text("PLUGIN_RUNTIME", ""),
    "DELIVERIES_KEPT_DAYS": env.integer("DELIVERY_RETENTION_DAYS", 30, least=1, most=36_500),
    "CALLS_KEPT_DAYS": env.integer("PLUGIN_CALLS_KEPT_DAYS", 30, least=1, most=400),
    "REQUESTS_PER_MINUTE": env.integer("PLUGIN_REQUESTS_PER_MINUTE", 600, least=1, most=6000),
}
DEMO_UNIVERSITY_URL = env.url("DEMO_UNIVERSITY_URL", "", schemes={"http", "https"})
AGENTS = {
    "ANTHROPIC_API_KEY": env.secret("ANTHROPIC_API_KEY", ""),
    "ANTHROPIC_BASE_URL": env.url("ANTHROPIC_BASE_URL", "", schemes={"http", "https"}),
    "ANTHROPIC_MODEL": env.text("ANTHROPIC_MODEL", "claude-haiku-5-5"),
    "MONTHLY_BUDGET_CENTS": env.integer("AGENT_MONTHLY_BUDGET_CENTS", 1000, least=0),
}

WORKFLOWS = {
    "LEASE_S": env.seconds("WORKFLOW_LEASE", 20, least=0.5),
    "HINT_AGAIN_AFTER_S": env.seconds("WORKFLOW_HINT_AGAIN_AFTER", 10, least=0.1),
    "SWEEP_EVERY_S": env.seconds("WORKFLOW_SWEEP_EVERY", 5, least=0.1),
    "EXECUTIONS_AT_ONCE": env.integer("EXECUTIONS_AT_ONCE", 20, least=1, most=10_000),
    "STEPS_AT_ONCE": env.integer("STEPS_AT_ONCE", 6, least=1, most=10_000),
    "RETENTION_DAYS": env.integer("EXECUTION_RETENTION_DAYS", 0, least=0, most=36_500),
}

# --- Logging ----------------------------------------------------------------------------------
LOG_LEVEL = env.text("LOG_LEVEL", "INFO", choices={"DEBUG", "INFO", "WARNING", "ERROR"})
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "filters": {"without_secrets": {"()": "coreengine.kernel.logs.WithoutSecrets"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["without_secrets"]},
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django.server": {"handlers": ["console"], "propagate": False},  # manage.py runserver, without secrets
        "httpx": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
    },
}
