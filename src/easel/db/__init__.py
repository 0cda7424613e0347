"""PostgreSQL: base types, sessions, migrations, notifications and the embedded server."""
