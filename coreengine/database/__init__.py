"""Django's PostgreSQL backend, with moments read by psycopg's C code. The settings name it as the ENGINE."""
